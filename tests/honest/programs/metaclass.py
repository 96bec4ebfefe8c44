class M(type):
    def __new__(c, n, b, d):
        return super().__new__(c, n, b, {**d, "tag": n.lower()})
class Thing(metaclass=M): pass
print(Thing.tag)
