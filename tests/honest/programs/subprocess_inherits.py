import subprocess, sys
subprocess.run([sys.executable, "-c", "print('from a child')"])
