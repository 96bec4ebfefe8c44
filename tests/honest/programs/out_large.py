import sys
sys.stdout.write("0123456789abcdef" * (1 << 16))
