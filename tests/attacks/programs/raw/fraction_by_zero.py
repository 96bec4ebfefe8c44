# Claims fractions over zero, over negative and over gigantic numbers, and of truth values.
def result():
    return b'{"F":[true,' + b"9" * 40_000 + b"]}"
