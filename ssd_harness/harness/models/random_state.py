"""Leave the random numbers of the process as they were: a transform must not change what is evaluated after it."""

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
    # Asking an accelerator that nobody uses yet would allocate it.
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - see above
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
