s = input()
print(ascii(s), s)
