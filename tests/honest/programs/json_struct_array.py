import array, json, struct
print(json.dumps({"a": [1]}), struct.pack("<I", 5), array.array("i", [1, 2]))
