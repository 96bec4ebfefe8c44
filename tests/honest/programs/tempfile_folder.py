import os, tempfile
with tempfile.TemporaryDirectory() as d:
    open(os.path.join(d, "x"), "w").write("1")
    print(os.listdir(d))
