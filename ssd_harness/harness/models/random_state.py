"""Keep the state of the random generators: the transform must not change the evaluation that follows it."""

import contextlib
import random
from collections.abc import Iterator


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """Restore the states of Python's, NumPy's and torch's generators at the end of the block."""
    import numpy as np
    import torch

    python, cpu = random.getstate(), torch.get_rng_state()
    numpy = np.random.get_state()  # noqa: NPY002 - lm-eval seeds the legacy generator
    # Reading the state of an unused accelerator would allocate it.
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - see above
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
