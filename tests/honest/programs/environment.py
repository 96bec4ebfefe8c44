import os
print(os.environ.get("PYTHONHASHSEED"), os.getcwd() == os.path.realpath("."), os.sep)
