import sys
print(sys.stdin.name, sys.stdin.mode, sys.stdin.encoding, sys.stdin.errors, sys.stdin.newlines, sys.stdin.line_buffering)
print(sys.stdout.name, sys.stdout.mode, sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering, sys.stdout.write_through)
print(sys.stderr.name, sys.stderr.mode, sys.stderr.errors, sys.stderr.line_buffering)
print(sys.stdin.buffer.name, sys.stdin.buffer.raw.name, sys.stdin.buffer.mode, sys.stdout.buffer.raw.mode)
