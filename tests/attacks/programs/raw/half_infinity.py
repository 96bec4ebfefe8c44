# Claims an infinite number of sixteen bits, as which every large number counts once it is rounded.
def result():
    return b'{"n":["e",Infinity]}'
