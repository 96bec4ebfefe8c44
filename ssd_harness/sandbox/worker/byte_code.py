"""Compile the standard library, the packages and the worker once, while the sandbox's root can still be written."""

import compileall
import os
import py_compile

for _folder in (os.path.dirname(os.__file__), "/opt/ssd"):
    compileall.compile_dir(_folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
