# Claims a number of four million digits.
def result():
    return b"-" + b"9" * 4_000_000
