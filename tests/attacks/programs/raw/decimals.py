# Claims a list of decimals that are tiny as text and huge as numbers.
def result():
    return b"[" + b",".join([b'{"D":"7E-9999"}'] * 200_000) + b"]"
