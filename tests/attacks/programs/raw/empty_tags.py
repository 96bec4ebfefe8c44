# Claims more than a million empty tags.
def result():
    return b"[" + b",".join([b"{}"] * 1_300_000) + b"]"
