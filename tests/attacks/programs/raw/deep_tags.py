# Claims arrays of one element within each other.
def result():
    return b'{"a":' * 200_000 + b"1" + b"}" * 200_000
