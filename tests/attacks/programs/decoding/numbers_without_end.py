# Prints what looks like numbers that are dear to compare: many digits, exponents, leading zeros, signs.
def attack():
    for text in ("0" * 300_000 + "1", "1e" + "9" * 4000, "-" * 5000 + "1", "1." + "0" * 300_000 + "1", "9" * 300_000):
        print(text)
    print("\x00", "\x1c", "\x85", " ", "１２", "٣", "1_0", "0x1", "1e5", "+1", "nan", "inf", "-0.0")
    return False
