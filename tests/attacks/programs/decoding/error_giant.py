# Raises an error whose text is gigantic, with a long chain of causes and a deep group.
def attack():
    error = ValueError("x" * (16 << 20))
    for _ in range(20000):
        error = BaseExceptionGroup("g", [error])
    error.__cause__ = error
    raise error
