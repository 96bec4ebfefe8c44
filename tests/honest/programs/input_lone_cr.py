print([input()])
