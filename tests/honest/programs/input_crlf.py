print(repr(input()), repr(input()))
