print(open(__file__).read() == open(__import__("sys").argv[0]).read(), __file__)
