import warnings
warnings.warn("careful")
print("x" is not None)
