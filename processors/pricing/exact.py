"""The arithmetic of a cost: whole numbers all the way, rounded once.

The sum of a call's parts is rounded half-even to a picodollar; each part is rounded down and the largest takes what is
left, so that parts are never negative and always add up. Rows whose sums fit 62 bits are multiplied as int64 columns,
the few others (28 of 7,191 rates of genai-prices are no whole number of picodollars) as Python integers in object ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from processors.pricing.rates import KINDS, OVERLAPS, WHOLES, Rates
from warehouse.schemas import COST_KINDS, USD

_SAFE = 2.0**61
_LARGEST = 2**61

Numbers = NDArray[Any]
"""int64, or Python integers in an object column: both take the same path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs of n calls, each (n,) decimal128(38, 12); ``consistent``: False where the counts contradict each other."""

    total: pa.Array
    parts: tuple[pa.Array, ...]
    consistent: NDArray[np.bool_]


def calculate(counts: NDArray[np.int64], rates: Sequence[Rates], which: NDArray[np.int64]) -> Costs:
    """Price n calls.

    ``counts``: (n, len(KINDS)) int64, unreported = 0, the last column 1; ``which``: (n,) int64, index into ``rates``.
    """
    words = np.zeros((1 + len(COST_KINDS), len(counts), 2), np.uint64)
    consistent = _consistent(counts, rates, which)
    small = _fits(counts, rates, which) & consistent
    for rows, kind in ((small, np.dtype(np.int64)), (consistent & ~small, np.dtype(object))):
        if rows.any():
            words[:, rows] = _price(counts[rows].astype(kind), rates, which[rows], kind)
    total, *parts = (_decimals(column, consistent) for column in words)
    return Costs(total=total, parts=tuple(parts), consistent=consistent)


def _price(
    counts: Numbers, rates: Sequence[Rates], which: NDArray[np.int64], kind: np.dtype[Any]
) -> NDArray[np.uint64]:
    """(1 + parts, n, 2) uint64: total and parts in picodollars as little-endian 128-bit words."""
    used, which = np.unique(which, return_inverse=True)
    scale = np.array([rates[i].scale for i in used], dtype=kind)[which]
    scaled = [
        _weighted(counts, np.array([rates[i].parts[part] for i in used], dtype=kind), which)
        for part in range(len(COST_KINDS))
    ]
    total = _half_even(np.stack(scaled).sum(axis=0), scale)
    parts = np.stack([part // scale for part in scaled])
    left = total - parts.sum(axis=0)
    parts[_largest(scaled), np.arange(len(counts))] += left
    return np.stack([_words(column) for column in (total, *parts)])


def _weighted(counts: Numbers, weights: Numbers, which: NDArray[np.int64]) -> Numbers:
    """(n,): each row of counts times its row of weights; columns that weigh nothing are skipped."""
    total = np.zeros(len(counts), dtype=counts.dtype)
    for kind in np.flatnonzero((weights != 0).any(axis=0)):
        total = total + counts[:, kind] * weights[which, kind]
    return total


def _half_even(scaled: Numbers, scale: Numbers) -> Numbers:
    whole, rest = scaled // scale, scaled % scale
    up = (2 * rest > scale) | ((2 * rest == scale) & (whole % 2 == 1))
    return np.asarray(whole + up.astype(np.int64))


def _largest(scaled: Sequence[Numbers]) -> NDArray[np.int64]:
    """Index of the largest part of each row, the first of equals."""
    best, index = scaled[0], np.zeros(len(scaled[0]), np.int64)
    for part, column in enumerate(scaled[1:], start=1):
        larger = (column > best).astype(bool)
        best, index = np.where(larger, column, best), np.where(larger, part, index)
    return index


def _consistent(counts: NDArray[np.int64], rates: Sequence[Rates], which: NDArray[np.int64]) -> NDArray[np.bool_]:
    good: NDArray[np.bool_] = np.asarray((counts >= 0).all(axis=1))
    floats = counts.astype(np.float64)  # for counts beyond 2**53 only the sign of a difference matters
    for whole in range(len(WHOLES)):
        weights = np.array([one.remains[whole] for one in rates], dtype=np.float64)
        good &= _weighted(floats, weights, which) >= 0
    for number, (one, other) in enumerate(OVERLAPS):
        clash = np.array([rate.clashes[number] for rate in rates], dtype=bool)[which]
        good &= ~(clash & (counts[:, KINDS.index(one)] > 0) & (counts[:, KINDS.index(other)] > 0))
    return good


def _fits(counts: NDArray[np.int64], rates: Sequence[Rates], which: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows whose every intermediate value is below 2**62."""
    weight = np.array([_weight(one) for one in rates])
    return np.asarray(counts.max(axis=1, initial=0).astype(np.float64) * weight[which] < _SAFE)


def _weight(rates: Rates) -> float:
    if rates.scale >= _LARGEST:
        return np.inf
    return float(sum(abs(weight) for part in rates.parts for weight in part))


def _words(values: Numbers) -> NDArray[np.uint64]:
    if values.dtype == object:
        low, high = values & (2**64 - 1), values >> 64
        return np.stack([low.astype(np.uint64), high.astype(np.uint64)], axis=1)
    return np.stack([values.astype(np.uint64), np.zeros(len(values), np.uint64)], axis=1)


def _decimals(words: NDArray[np.uint64], valid: NDArray[np.bool_]) -> pa.Array:
    bits = pa.array(valid).buffers()[1]
    return pa.Array.from_buffers(USD, len(words), [bits, pa.py_buffer(np.ascontiguousarray(words))])
