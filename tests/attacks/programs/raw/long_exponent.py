# Claims floating point numbers with exponents of many digits.
def result():
    return b"[1e" + b"9" * 900 + b",1e-" + b"9" * 900 + b",-1E+999999999,1" + b"0" * 2000 + b"e-999999999]"
