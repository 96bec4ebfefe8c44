# Loops inside C, where no signal handler of Python runs.
def attack():
    import itertools

    sum(itertools.repeat(0))
