"""The runners: one module per :class:`~ssd_harness.sandbox.worker.protocol.Runner`.

Everything here runs inside the sandbox, in the confined child, beside hostile code: standard library only, no import
from outside this worker package, and the host trusts none of it.

A module may define ``prepare()``, which the zygote calls once before any program arrives (imports, the prelude's
namespace), so that each child inherits the result at no cost.

*Program runners* (``lcb_stdin``, ``lcb_functional``) run all tests in one process, whose descriptors 0, 1 and 2 are
``/dev/null``::

    def run(source: bytes, entry: str, tests: Tests, report: Report) -> None

``len(tests)`` and ``tests.read(i) -> bytes`` give the inputs in the order in which to run them. ``report.loaded()``
ends the loading phase; each test is enclosed in ``report.begin(i)`` and ``report.end(i, status, output, message)``,
where the status is a value of ``protocol.Status`` and the output is bytes. On a failure to compile or load, the runner
calls ``report.end(0, "compile" | "load", b"", message)`` and returns. The first test that does not end with ``done`` is
the last one run. The caller measures time, enforces limits and kills, from outside.

*Test runners* run one test in a new process, with a file as descriptor 0 and pipes as 1 and 2. ``stdio_functional``::

    def run(source: bytes, entry: str, result: int) -> tuple[str, str]

``result`` is the descriptor to which functional results (tagged JSON) are written. The return value is (status,
message); an exit status other than 0 is an ``exception``. ``stdio`` runs nothing itself: ``install(source)`` writes the
file, and the interpreter of this process runs it.
"""
