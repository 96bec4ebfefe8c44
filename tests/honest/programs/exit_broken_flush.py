import os, sys
sys.stdout.write("x")
os.close(1)
os.open("/dev/full", os.O_WRONLY)
