"""Run untrusted programs: each slot is one isolated place, in which no process of a program outlives the program.

What the sandbox covers, each point with a test in ``tests/sandbox`` or ``tests/attacks``:

- A program cannot learn an expected output, because none is ever inside: ``interface.Job`` has no field for one.
- It cannot report for another test, forge an outcome or crash the worker, whatever it writes to any descriptor.
- CPU time is measured from outside over all descendants, even those that try to hide it; wall time is a backstop.
- Memory of one process and of all together, processes and threads, output and core files are bounded.
- Every process that it leaves behind is killed: stopped, orphaned or ignoring signals. A slot that cannot be proved
  clean is given up. It can write only to ``/tmp`` and ``/dev/shm``, small folders that are restored after it; objects
  that the kernel would keep (System V and POSIX objects, keyrings, named sockets) cannot be created.
- Its open files, its environment and its folders are its own: it inherits no open file of another program.
- It has no network, no capability, no other user to become, no terminal, none of the host's files or environment, and
  no view of the control group or of the machine's counters.
- It cannot signal, trace or read the worker; the process that forks programs has never seen any job's data.
- A dead slot, engine or harness is a lost slot, never an outcome, and leaves neither container nor process behind.

What it does not cover:

- Bugs in the kernel, the engine or the CPU. A runtime with its own kernel, such as gVisor, can run below
  (``SSD_HARNESS_RUNTIME=runsc``); a virtual machine around everything is better still.
- Counters that the kernel keeps for all programs of a slot or of the machine, and that cannot be hidden:
  docs/explanation/sandbox.md lists them. Programs have nothing to tell each other by them: no run depends on answers.
- Timing between tests in one process (the ``lcb`` runners): the program shares its process with the runner, so it can
  shift its own CPU time between tests. In total it gains at most the limit times the number of tests.
- Its own inputs: a program may read all inputs of its problem, and compute ahead for later tests (``lcb``).
- Load: a program may slow down its neighbours through caches, disk and memory bandwidth; CPU time decides.
- The process sandbox has only our own filter, no engine's, and no bound on the memory of all processes together if no
  control group can be created. Results say so.
"""
