# Backtracks for ever in a regular expression.
def attack():
    import re

    return bool(re.match(r"(a|aa|a?)+$", "a" * 60 + "b"))
