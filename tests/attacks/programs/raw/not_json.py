# Claims bytes that are no text at all.
def result():
    return bytes(range(256)) * 1000
