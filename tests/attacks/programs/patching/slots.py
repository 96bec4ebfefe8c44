# Writes an always-true comparison into the C slots of int, str, bytes and list.
def attack():
    import ctypes

    compare = ctypes.CFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.py_object, ctypes.c_int)(
        lambda a, b, op: True
    )
    global kept
    kept = compare
    address = ctypes.cast(compare, ctypes.c_void_p).value
    for kind in (int, str, bytes, list):
        pointers = ctypes.cast(id(kind), ctypes.POINTER(ctypes.c_void_p))
        # tp_richcompare of CPython 3.11 is the 25th pointer of the type object
        pointers[25] = address
    return False
