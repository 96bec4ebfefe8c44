import atexit, io, sys
buffer = io.StringIO()
sys.stdout = buffer
@atexit.register
def write():
    sys.__stdout__.write(buffer.getvalue())
print(int(input()) + int(input()))
