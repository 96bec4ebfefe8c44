# Claims a mapping with lists, tags and itself-like things for keys.
def result():
    return b'{"d":[[[],1],[{"t":[1]},2],[{"d":[]},3],[{"n":["e",NaN]},4],[null,5],[NaN,6]]}'
