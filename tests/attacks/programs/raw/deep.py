# Claims a list nested four million deep.
def result():
    return b"[" * 4_000_000
