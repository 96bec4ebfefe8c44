print((lambda f: f(f, 10))(lambda f, n: 1 if n == 0 else n * f(f, n - 1)))
