import sys
sys.exit((0, 0))
