import os
open("f", "w").close()
print(oct(os.stat("f").st_mode))
