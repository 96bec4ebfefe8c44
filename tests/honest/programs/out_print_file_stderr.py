import sys
print("diagnostics", file=sys.stderr)
print("answer")
