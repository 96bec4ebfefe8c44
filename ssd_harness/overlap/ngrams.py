"""Texts as words, and every 13 words in a row as one 64-bit number."""

import functools
import hashlib
import re
import unicodedata

import numpy as np

NGRAM = 13
"""Words in a row that count as the same text: the usual measure of contamination."""

# Scripts without spaces: each character is a word, or a whole sentence would be one.
_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


def words(text: str) -> list[str]:
    """Return the words of ``text``: case, punctuation, white space and invisible characters make no difference."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _WORD.findall(unicodedata.normalize("NFKC", plain.casefold()))


def whole(found: list[str]) -> int:
    """Return the number of a whole text, given its words."""
    return _number(" ".join(found))


def ngrams(found: list[str]) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Return the numbers of all 13-grams of a text's words, in order; none if the text is shorter.

    A word's number is a cryptographic hash, a 13-gram's the sum of its words' numbers times a factor of each place,
    modulo 2**64: about one in 10**18 pairs of different 13-grams is taken for the same.
    """
    if len(found) < NGRAM:
        return np.empty(0, np.uint64)
    numbers = np.array([_word_number(word) for word in found], np.uint64)
    return (np.lib.stride_tricks.sliding_window_view(numbers, NGRAM) * _factors()).sum(axis=1, dtype=np.uint64)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


_word_number = functools.lru_cache(maxsize=1 << 16)(_number)


@functools.cache
def _factors() -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    return np.array([_number(f"place {place}") | 1 for place in range(NGRAM)], np.uint64)
