f = open(1, "w", closefd=False)
f.write("a\n")
print("b")
