"""Texts as words, and every few words in a row as one 64-bit number."""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import numpy as np

NGRAM = 13
"""Words in a row that count as the same text: the usual measure of contamination."""

# Scripts without spaces: each character is a word, or a whole sentence would be one.
_SINGLE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_PIECE = 1 << 18
"""Characters of a long text that are split into words at a time: the words take many times the text's memory."""


def words(text: str) -> list[str]:
    """Return the words of ``text``: case, punctuation, white space and invisible characters make no difference."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _WORD.findall(unicodedata.normalize("NFKC", plain.casefold()))


def whole(text: str) -> int | None:
    """Return the number of a whole text's words; None if it has no word."""
    digest, empty = hashlib.blake2b(digest_size=8), True
    for piece in _pieces(text):
        if found := words(piece):
            digest.update(("" if empty else " ").encode() + " ".join(found).encode("utf-8", "surrogatepass"))
            empty = False
    return None if empty else int.from_bytes(digest.digest(), "little")


def ngrams(found: list[str], length: int = NGRAM) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Return the numbers of all n-grams of ``length`` words, in order; none if there are fewer words.

    A word's number is a cryptographic hash, an n-gram's the sum of its words' numbers times a factor of each place,
    modulo 2**64: about one in 10**18 pairs of different n-grams is taken for the same.
    """
    if len(found) < length:
        return np.empty(0, np.uint64)
    numbers = np.array([_word_number(word) for word in found], np.uint64)
    return (np.lib.stride_tricks.sliding_window_view(numbers, length) * _factors(length)).sum(axis=1, dtype=np.uint64)


def distinct(
    texts: Iterable[str], length: int = NGRAM, split: Callable[[str], list[str]] = words
) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Return the different n-grams of several texts, sorted; ``split`` makes words of a text.

    None reaches from one text into the next. Long texts are read piece by piece.
    """
    parts = [np.empty(0, np.uint64)]
    for text in texts:
        carried: list[str] = []
        for piece in _pieces(text):
            found = carried + split(piece)
            parts.append(np.unique(ngrams(found, length)))
            carried = found[-(length - 1) :]
    return np.unique(np.concatenate(parts))


def _pieces(text: str) -> Iterator[str]:
    """Cut a long text at white space; where there is none for long, anywhere."""
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
