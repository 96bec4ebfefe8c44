import subprocess, sys
print(subprocess.run([sys.executable, "-c", "print(2 + 3)"], capture_output=True, text=True).stdout)
