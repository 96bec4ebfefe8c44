"""The environment of the worker and of every program: exactly this, whatever the image and the engine add."""

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/",
    "LC_CTYPE": "C.UTF-8",  # what the interpreter itself sets when no locale is given
    "PYTHONPATH": "/opt/ssd:/opt/ssd/packages",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONSAFEPATH": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "8",  # more would use up the address space of a program with many threads
}
