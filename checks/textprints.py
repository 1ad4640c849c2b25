"""Which texts are equal, or nearly equal, in time linear in their number.

Nearly equal: min-wise hashing (Broder 1997). A text is the set of its five-byte shingles, lower case and
with single spaces; the share of 16 minima on which two texts agree estimates the Jaccard similarity of
their sets. Candidates come from 8 bands of two minima.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MINIMA = 16
SAME_MINIMA = 13
"""Of 16: a pair of Jaccard similarity .9 is found with probability .93, one of .5 with .01."""
SHINGLE = 5
CHUNK_BYTES = 1 << 20
TOGETHER = 10_000
"""Texts that are strings of Python at one time."""

Prints = NDArray[np.uint64]
Keys = NDArray[np.uint64]
Flags = NDArray[np.bool_]

_LOW_BYTES = np.uint64((1 << 8 * SHINGLE) - 1)
_MULTIPLIERS = np.random.default_rng(20250811).integers(
    1 << 62, (1 << 64) - 1, MINIMA, np.uint64
) | np.uint64(1)


def normalised(text: object) -> str:
    """Lower case, single spaces; a missing text is empty."""
    return " ".join(text.casefold().split()) if isinstance(text, str) else ""


class Texts:
    """Texts, read as normalised ones. Numbers are kept of each, not a second copy."""

    def __init__(self, given: Sequence[object] | pd.Series) -> None:
        self.given = given if isinstance(given, pd.Series) else pd.Series(list(given), dtype=object)

    def __len__(self) -> int:
        return len(self.given)

    def __getitem__(self, row: int | np.int64) -> str:
        return normalised(self.given.iloc[row])

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), TOGETHER):
            yield from map(normalised, self.given.iloc[start : start + TOGETHER].to_numpy(dtype=object))

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each, (n,)."""
        return np.fromiter(map(len, self), np.int64, len(self))

    @cached_property
    def keys(self) -> Keys:
        """Equal for equal texts; for two others with a chance of 2^-64, (n,)."""
        return np.fromiter(map(_key, self), np.uint64, len(self))

    @cached_property
    def prints(self) -> Prints:
        """The 16 minima of each, (n, 16)."""
        found, row = np.empty((len(self), MINIMA), np.uint64), 0
        for chunk in _chunks(self):
            found[row : row + len(chunk)] = _prints(chunk)
            row += len(chunk)
        return found


def repeated(texts: Texts) -> Flags:
    """Which texts equal another one; empty texts do not count."""
    return pd.Series(texts.keys).duplicated(keep=False).to_numpy(copy=True) & (texts.lengths > 0)


def nearly_repeated(texts: Texts) -> Flags:
    """Which texts equal or nearly equal another one."""
    found, minima = repeated(texts), texts.prints
    distinct = np.flatnonzero(~pd.Series(texts.keys).duplicated().to_numpy() & (texts.lengths > 0))
    for band in range(0, MINIMA, 2):
        keys = minima[distinct, band] * _MULTIPLIERS[0] ^ minima[distinct, band + 1]
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], distinct[order]
        same_band = keys[1:] == keys[:-1]
        first, second = rows[:-1][same_band], rows[1:][same_band]
        same = alike(minima[first], minima[second])
        found[first[same]] = True
        found[second[same]] = True
    return found


def alike(left: Prints, right: Prints) -> Flags:
    """Which pairs of rows belong to nearly equal texts."""
    return np.asarray((left == right).sum(axis=1) >= SAME_MINIMA, dtype=np.bool_)


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _chunks(texts: Iterable[str]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass") or b" "
        chunk.append(encoded)
        size += len(encoded)
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _prints(texts: list[bytes]) -> Prints:
    gap = b" " * 8
    buffer = gap.join([*texts, b""])
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    starts = np.concatenate([[0], np.cumsum(lengths + len(gap))[:-1]])
    windows = np.ndarray((len(buffer) - 7,), dtype="<u8", buffer=buffer, strides=(1,))
    shingles = _mixed(windows & _LOW_BYTES)
    bounds = np.column_stack([starts, starts + lengths]).ravel()
    minima = np.empty((len(texts), MINIMA), np.uint64)
    for k, multiplier in enumerate(_MULTIPLIERS):
        minima[:, k] = np.minimum.reduceat(shingles * multiplier, bounds)[::2]
    return minima


def _mixed(values: Prints) -> Prints:
    """The finaliser of splitmix64: nearby values get unrelated hashes."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
