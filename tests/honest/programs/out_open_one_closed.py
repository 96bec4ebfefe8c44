with open(1, "w") as f:
    print("closed", file=f)
