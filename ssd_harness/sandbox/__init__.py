"""Run untrusted programs in slots. A slot is an isolated place in which no process of a program outlives the program.

The sandbox promises the following; each point has a test in ``tests/sandbox`` or ``tests/attacks``:

- A program cannot learn an expected output, because none ever enters a slot: ``interface.Job`` has no field for one.
- It cannot report for another test, forge an outcome or crash the worker, whatever it writes to any descriptor.
- CPU time is measured from outside over all descendants, even those that try to hide it; wall time is a backstop.
- Memory of one process and of all together, processes and threads, output and core files are bounded.
- Every process that it leaves behind is killed, even one that is stopped, orphaned or ignores signals. A slot that is
  not provably clean is discarded. The program can write only to ``/tmp`` and ``/dev/shm``, small folders that are
  restored after it ends. It cannot create objects that the kernel would keep (System V and POSIX objects, keyrings,
  named sockets).
- It shares no open file, environment or folder with another program.
- It has no network, no capability, no terminal, none of the host's files or environment, and no view of the control
  group or of the machine's counters. It cannot become another user.
- It cannot signal, trace or read the worker; the process that forks programs has never seen any job's data.
- If a slot, the engine or the harness dies, the slot is lost: this is never counted as an outcome, and no container or
  process is left behind.

The sandbox does not protect against the following:

- Bugs in the kernel, the engine or the CPU. A runtime with its own kernel, such as gVisor, can run below
  (``SSD_HARNESS_RUNTIME=runsc``); a virtual machine around everything is better still.
- Counters that the kernel keeps for all programs of a slot or of the machine, and that cannot be hidden:
  docs/explanation/sandbox.md lists them. Programs gain nothing from them, because no run depends on answers.
- Timing between tests in one process (the ``lcb`` runners): the program shares its process with the runner, so it can
  shift its own CPU time between tests. In total it gains at most the limit times the number of tests.
- Reading ahead: a program may read all inputs of its problem, and compute results for later tests (``lcb``).
- Load: a program may slow down its neighbours through caches, disk and memory bandwidth; so CPU time is what counts.
- The process sandbox has only our own filter, no engine's, and no bound on the memory of all processes together if no
  control group can be created. Results say so.
"""
