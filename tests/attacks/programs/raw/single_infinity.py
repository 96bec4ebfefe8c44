# Claims infinite numbers of thirty-two bits.
def result():
    return b'{"a":{"n":["f",1e999]}}'
