import sys
sys.stdout.write("a")
sys.stdout.buffer.write(b"b")
sys.stdout.flush()
