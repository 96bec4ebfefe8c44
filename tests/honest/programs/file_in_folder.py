with open("out.txt", "w") as f:
    f.write("kept here")
print(open("out.txt").read())
