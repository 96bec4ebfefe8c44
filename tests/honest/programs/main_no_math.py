print(math.gcd(4, 6))
