from sympy import isprime, factorint
print(isprime(97), factorint(360))
