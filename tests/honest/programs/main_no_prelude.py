print(List)
