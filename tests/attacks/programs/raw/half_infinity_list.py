# Claims an array of one infinite number of sixteen bits, inside a list.
def result():
    return b'[{"a":{"n":["e",Infinity]}}]'
