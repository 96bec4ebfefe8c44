import os
if os.fork() == 0:
    print("child")
    raise SystemExit(3)
print("parent", os.waitstatus_to_exitcode(os.wait()[1]))
