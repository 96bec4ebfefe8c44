print("a\r\nb\r")
