# Raises an error whose text holds terminal escapes, newlines, surrogates and bidi marks.
class Owned(Exception):
    pass


Owned.__name__ = Owned.__qualname__ = "\x1b[31mAC\n\u202e\ud800"


def attack():
    raise Owned("\x1b]0;owned\x07\x1b[2J\r\nverdict: AC\n\u2028\ud800\x00\x9b31m" * 50)
