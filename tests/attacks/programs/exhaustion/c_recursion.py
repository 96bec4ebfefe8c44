# Recurses in C until the stack is gone.
def attack():
    import json

    value = []
    for _ in range(3_000_000):
        value = [value]
    while True:
        try:
            repr(value)
        except RecursionError:
            break
    chain = iter(())
    import itertools

    for _ in range(3_000_000):
        chain = itertools.chain(chain)
    return next(chain, False)
