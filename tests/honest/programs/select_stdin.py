import select, sys
print(select.select([sys.stdin], [], [], 0)[0] == [sys.stdin])
