import sys
print(sys.argv, len(sys.path) > 1, sys.flags.inspect, sys.flags.optimize)
