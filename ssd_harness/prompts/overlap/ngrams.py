"""Split texts into words, and hash n-grams of words to 64-bit numbers."""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import numpy as np

NGRAM = 13
"""Length in words of the n-grams that are usually compared to detect contamination."""

# Scripts without spaces: each character counts as a word.
_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_PIECE = 1 << 18
"""Characters of a long text that are split at a time, because words take much more memory than their text."""


def words(text: str) -> list[str]:
    """Return the words of ``text``, without case, punctuation, white space and invisible characters."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _WORD.findall(unicodedata.normalize("NFKC", plain.casefold()))


def whole(text: str) -> int | None:
    """Return the hash of all words of a text, or None if it has no words."""
    digest, empty = hashlib.blake2b(digest_size=8), True
    for piece in _pieces(text):
        if piece_words := words(piece):
            digest.update(("" if empty else " ").encode() + " ".join(piece_words).encode("utf-8", "surrogatepass"))
            empty = False
    return None if empty else int.from_bytes(digest.digest(), "little")


def ngrams(text_words: list[str], length: int = NGRAM) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Return the hashes of all n-grams of ``length`` words, in order; empty if there are fewer words.

    The hash of a word is cryptographic. The hash of an n-gram is the sum of its words' hashes, each times a factor of
    its position, modulo 2**64: about one in 10**18 pairs of different n-grams collides.
    """
    if len(text_words) < length:
        return np.empty(0, np.uint64)
    numbers = np.array([_word_number(word) for word in text_words], np.uint64)
    return (np.lib.stride_tricks.sliding_window_view(numbers, length) * _factors(length)).sum(axis=1, dtype=np.uint64)


def distinct(
    texts: Iterable[str], length: int = NGRAM, split: Callable[[str], list[str]] = words
) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Return the sorted hashes of all different n-grams of several texts; ``split`` returns the words of a text.

    No n-gram spans two texts. Long texts are split piece by piece.
    """
    parts = [np.empty(0, np.uint64)]
    for text in texts:
        carried: list[str] = []
        for piece in _pieces(text):
            piece_words = carried + split(piece)
            parts.append(np.unique(ngrams(piece_words, length)))
            carried = piece_words[-(length - 1) :]
    return np.unique(np.concatenate(parts))


def _pieces(text: str) -> Iterator[str]:
    """Split a long text at white space, or anywhere if a piece has none."""
    start = 0
    while len(text) - start > _PIECE:
        end = start + _PIECE
        cut = max(text.rfind(mark, start + 1, end) for mark in " \n\t")
        end = cut if cut > start else end
        yield text[start:end]
        start = end
    yield text[start:]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


_word_number = functools.lru_cache(maxsize=1 << 16)(_number)


@functools.cache
def _factors(length: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    return np.array([_number(f"place {place}") | 1 for place in range(length)], np.uint64)
