import subprocess
print(subprocess.run("echo hi", shell=True).returncode)
