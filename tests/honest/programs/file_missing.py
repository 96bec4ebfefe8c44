print(open("input.txt").read())
