"""Run programs that nobody trusts: each slot is one isolated place, and no process of a program outlives it there.

What it covers, each with its test in ``tests/sandbox`` or ``tests/attacks``:

- A program learns no expected output, because none is ever inside: ``interface.Job`` has no place for one.
- It cannot report for another test, forge an outcome or crash the worker by what it writes to any descriptor.
- CPU time is measured from outside over all descendants, those that hide it too; wall time is a backstop.
- Memory of one process and of all together, processes and threads, output and core files are bounded.
- Whatever it leaves running is killed, stopped or not, orphaned or not, whatever it ignores; a slot that cannot be
  proved clean is given up. It can write to ``/tmp`` and ``/dev/shm`` alone, small folders that are made as new when
  it is gone; what the kernel would keep (System V and POSIX objects, keyrings, named sockets) cannot be made.
- Its open files, its environment and its folders are its own: it inherits no open file that another program had.
- It has no network, no capability, no second user to become, no terminal, none of the host's files or environment, no
  view of the control group or of the machine's counters.
- It cannot signal, trace or read the worker; the part that forks programs has never seen any job's data.
- A dead slot, engine or harness is a lost slot, never an outcome, and leaves neither container nor process behind.

What it does not cover:

- Bugs of the kernel, the engine or the CPU. A runtime with a kernel of its own, such as gVisor, can be put below
  (``SSD_HARNESS_RUNTIME=runsc``); a virtual machine around everything is better still.
- Counters that the kernel keeps for all programs of a slot, or of the machine, and that cannot be hidden:
  docs/explanation/sandbox.md lists them. Programs have nothing to tell each other by them: no run depends on answers.
- Timing between tests in one process (the ``lcb`` runners): the program shares its process with the runner, so it can
  shift its own CPU time from one test to another. It gains at most the limit times the number of tests in all.
- Its own inputs: a program may read all inputs of its problem, and compute in one test for the next (``lcb``).
- Load: a program may slow its neighbours through caches, disk and memory bandwidth; CPU time is what decides.
- The process sandbox has only our own filter below the programs, no engine's, and no bound on all processes' memory
  where no control group can be made. Results say so.
"""
