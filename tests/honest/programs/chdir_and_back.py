import os
os.mkdir("d")
os.chdir("d")
open("x", "w").close()
print(os.listdir())
