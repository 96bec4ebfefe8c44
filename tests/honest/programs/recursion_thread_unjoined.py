import sys, threading
sys.setrecursionlimit(1 << 20)
threading.stack_size(1 << 27)
threading.Thread(target=lambda: print(int(input()) * 2)).start()
