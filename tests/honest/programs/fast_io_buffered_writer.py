import io, sys
out = io.BufferedWriter(io.FileIO(1, "w"))
out.write(b"%d\n" % int(sys.stdin.buffer.readline()))
