# Returns dicts whose keys differ only in what JSON does to them.
class Solution:
    def joined(self, words):
        return {
            1: "a",
            "1": "b",
            True: "c",
            None: "d",
            "null": "e",
            1.0: "f",
            "\udc80": "g",
            (1, 2): "h",
            float("nan"): "i",
        }
