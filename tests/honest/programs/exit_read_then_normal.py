try:
    exit(4)
except SystemExit as error:
    c = error.code
print(c)
