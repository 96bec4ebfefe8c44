"""How a program is executed, one module a :class:`~ssd_harness.sandbox.interface.Runner`.

Everything here runs inside the sandbox, in the confined child, beside hostile code: standard library only, no import
from outside this worker package, and nothing here is trusted by the host.

A module may define ``prepare()``: called once in the zygote before any program arrives (imports, the prelude's
namespace), so that each child inherits it for free.

*Program runners* (``lcb_stdin``, ``lcb_functional``) run all tests in one process, whose descriptors 0, 1 and 2 lead
nowhere::

    def run(source: bytes, entry: str, tests: Tests, report: Report) -> None

``len(tests)`` and ``tests.read(i) -> bytes`` give the inputs, in the order to run them; ``report.loaded()`` ends the
loading phase; around each test ``report.begin(i)`` and ``report.end(i, status, output, message)``, whose status is a
value of ``interface.Status`` as text and whose output is bytes. A failure to compile or load is ``report.end(0,
"compile" | "load", b"", message)`` and return; the first test that does not end with ``done`` is the last one run.
Timing, limits and killing are the caller's business, from outside.

*Test runners* run one test in a fresh process, with a file as descriptor 0 and pipes as 1 and 2. ``stdio_functional``::

    def run(source: bytes, entry: str, result: int) -> tuple[str, str]

``result`` is the descriptor that functional results (tagged JSON) are written to; the return value is (status,
message), and an exit status other than 0 is an ``exception``. ``stdio`` runs nothing itself: ``install(source)`` writes
the file, and the interpreter that the process is runs it.
"""
