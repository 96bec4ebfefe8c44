print(open(0).read().split())
