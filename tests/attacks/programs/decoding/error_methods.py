# Raises an error whose __str__ and __repr__ never end.
class Owned(BaseException):
    def __str__(self):
        while True:
            pass

    __repr__ = __str__


def attack():
    raise Owned
