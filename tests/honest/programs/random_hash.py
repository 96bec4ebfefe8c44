print(hash("abc") == hash("abc"), hash("abc"))
