import sys
print("text")
sys.stdout.close()
print("more")
