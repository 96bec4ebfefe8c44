import tempfile
with tempfile.NamedTemporaryFile("w+") as f:
    f.write("abc")
    f.seek(0)
    print(f.read(), tempfile.gettempdir())
