print([*open(0)])
