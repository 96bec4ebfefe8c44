"""Compile folders to byte code (default: standard library and packages) while the root can still be written."""

import compileall
import os
import py_compile
import sys
from pathlib import Path

for _folder in sys.argv[1:] or (str(Path(os.__file__).parent), "/opt/ssd/packages"):
    compileall.compile_dir(_folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
