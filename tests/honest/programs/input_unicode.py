print(len(input()), "✓")
