# Raises a number to a power that fills the memory, then converts it.
def attack():
    return str(7 ** (7**9)) == ""
