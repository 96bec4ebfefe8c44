# Claims tags whose bodies have the wrong shapes.
def result():
    return b'[{"t":1},{"d":[[1]]},{"d":{"a":1}},{"n":["d",1.0]},{"n":[[],{}]},{"D":{}},{"F":[1,0]},{"F":[1.5,true]},{"c":[1]},{"o":[]},{"x":null},{"a":[]},{"q":1},{"t":[],"t":[]}]'
