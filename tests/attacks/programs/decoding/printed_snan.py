# Prints a signalling NaN in the place of each number, whose comparison raises.
print("sNaN")
print("-sNaN7")
