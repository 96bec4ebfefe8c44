from itertools import combinations, permutations, product
print(len(list(product("ab", repeat=3))), len(list(permutations(range(4)))), list(combinations("abc", 2)))
