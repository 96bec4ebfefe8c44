"""One stream of random numbers for each sample; it depends only on the sample's name and the run's seed."""

import hashlib

import numpy as np
from numpy.typing import NDArray

_BLOCK = 256


def stream_key(seed: int, key: str, index: int) -> int:
    """Return a 128-bit Philox key: a hash of run seed, prompt and sample number."""
    name = f"{seed}\x00{key}\x00{index}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=16).digest(), "little")


class RandomStream:
    """Uniform numbers in [0, 1), number ``t`` for token ``t``. They are drawn in blocks, since most samples end early.

    Uses Philox's raw output, whose sequence NumPy guarantees across versions and machines.
    """

    __slots__ = ("_bits", "_length", "_numbers")

    def __init__(self, seed: int, key: str, index: int) -> None:
        self._bits = np.random.Philox(key=stream_key(seed, key, index))
        self._numbers: NDArray[np.float64] = np.empty(0)
        self._length = 0

    def __getitem__(self, step: int) -> float:
        """Return number ``step``."""
        while step >= self._length:
            raw = self._bits.random_raw(_BLOCK) >> np.uint64(11)
            self._numbers = np.concatenate([self._numbers, raw * 2.0**-53])
            self._length = len(self._numbers)
        return float(self._numbers[step])
