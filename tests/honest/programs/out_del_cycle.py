class Node:
    def __init__(self):
        self.me = self
    def __del__(self):
        print("cycle")
Node()
