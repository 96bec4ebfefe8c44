f = open(1, "w")
f.write("left in a buffer")
