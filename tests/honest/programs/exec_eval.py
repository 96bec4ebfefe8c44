exec("y = 4")
print(eval("y * 2"))
