import os, tempfile
with tempfile.TemporaryFile() as f:
    saved = os.dup(1)
    os.dup2(f.fileno(), 1)
    print("to the file", flush=True)
    os.dup2(saved, 1)
    f.seek(0)
    print(f.read())
