import sys
sys.stdout.writelines(f"{i}\n" for i in range(5))
