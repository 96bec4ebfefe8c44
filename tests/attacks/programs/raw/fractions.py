# Claims a list of fractions whose parts share no factor.
def result():
    return b"[" + b",".join([b'{"F":[' + b"7" * 900 + b"," + b"3" * 899 + b"]}"] * 2000) + b"]"
