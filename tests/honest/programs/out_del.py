class Result:
    def __del__(self):
        print("finalized")
r = Result()
