import contextlib, io
with contextlib.redirect_stdout(io.StringIO()) as s:
    print("caught")
print(s.getvalue().upper())
