print("end", end="")
