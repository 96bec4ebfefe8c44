assert False, "no"
