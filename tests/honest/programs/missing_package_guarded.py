try:
    import no_such_package
except ImportError:
    no_such_package = None
print(no_such_package)
