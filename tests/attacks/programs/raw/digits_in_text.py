# Claims texts of almost as many digits as a search for long numbers looks for.
def result():
    return b"[" + b",".join([b'"' + b"9" * 999 + b'"'] * 4000) + b"]"
