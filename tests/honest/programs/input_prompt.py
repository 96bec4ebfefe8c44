print(int(input("n? ")) * 2)
