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

from processors.pricing.kernel import check_calls, price_calls
from processors.pricing.quantities import Quantities
from processors.pricing.rates import Rates
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


def calculate(used: Quantities, rates: Sequence[Rates], which: NDArray[np.int64]) -> Costs:
    """Price n calls. ``which``: (n,) int64, index into ``rates``, -1 = no price, so not consistent."""
    n = len(which)
    words = np.zeros((1 + len(COST_KINDS), n, 2), np.uint64)  # pages that nothing is written to cost nothing
    consistent = np.zeros(n, np.bool_)
    if rates:
        weights = Weights.of(rates, used.kinds)
        joins, joined = weights.join_arrays()
        check_calls(used.counts, used.known, which, weights.remains, weights.covered, joins, joined, consistent)
        odd = used.broken[which[used.broken] >= 0]
        consistent[odd] = _consistent(used, weights, odd, which[odd])
        whole = _fits(used, weights, which) & consistent
        whole[used.broken] = False
        large = np.flatnonzero(consistent & ~whole)
        _price_small(used.counts, weights, np.where(whole, which, -1), words)
        if len(large):
            words[:, large] = _price(*used.as_integers(large), weights, which[large])
    total, *parts = (_decimals(column, consistent) for column in words)
    return Costs(total=total, parts=tuple(parts), consistent=consistent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Rates as arrays over the k columns in use; Python integers, since few rates do not fit 64 bits."""

    parts: NDArray[Any]  # (parts, r, k) object
    scale: NDArray[Any]  # (r,) object
    least: NDArray[np.int64]  # (r, k)
    remains: NDArray[np.float64]  # (most, r, k), padded with zeros
    covered: NDArray[np.float64]  # likewise
    joins: dict[tuple[int, int, int], NDArray[np.bool_]]  # (r,) by columns in use; -1 = a column that is not in use

    @classmethod
    def of(cls, rates: Sequence[Rates], kinds: NDArray[np.int64]) -> Weights:
        """Arrays of rates."""
        column = {int(kind): place for place, kind in enumerate(kinds)}
        parts = np.zeros((len(COST_KINDS), len(rates), len(kinds)), dtype=object)
        least = np.zeros((len(rates), len(kinds)), np.int64)
        joins: dict[tuple[int, int, int], NDArray[np.bool_]] = {}
        for number, rate in enumerate(rates):
            parts[:, number] = np.array(rate.parts, dtype=object)[:, kinds]
            for kind, amount in rate.least:
                if kind in column:
                    least[number, column[kind]] = amount
            for one, other, both in rate.joins:
                if one in column and other in column:
                    join = (column[one], column[other], column.get(both, -1))
                    joins.setdefault(join, np.zeros(len(rates), np.bool_))[number] = True
        return cls(
            parts=parts,
            scale=np.array([rate.scale for rate in rates], dtype=object),
            least=least,
            remains=_padded([rate.remains for rate in rates], kinds),
            covered=_padded([rate.covered for rate in rates], kinds),
            joins=joins,
        )

    def join_arrays(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """(joins, 3) columns and (joins, r)."""
        rates = len(self.scale)
        columns = np.array(list(self.joins), np.int64).reshape(-1, 3)
        return columns, np.array(list(self.joins.values()), np.bool_).reshape(-1, rates)


def _padded(sums: Sequence[tuple[tuple[int, ...], ...]], kinds: NDArray[np.int64]) -> NDArray[np.float64]:
    padded = np.zeros((max(map(len, sums), default=0), len(sums), len(kinds)))
    for number, each in enumerate(sums):
        for place, coefficients in enumerate(each):
            padded[place, number] = np.array(coefficients)[kinds]
    return padded


def _price_small(
    counts: NDArray[np.int64], weights: Weights, which: NDArray[np.int64], words: NDArray[np.uint64]
) -> None:
    """``words`` of the calls that have a rate, none of whose numbers is beyond 62 bits."""
    among = np.zeros(1 + len(weights.scale), np.bool_)
    among[which] = True
    used = np.flatnonzero(among[:-1])
    if not len(used):
        return
    place = np.full(len(among), -1, np.int64)
    place[used] = np.arange(len(used))
    parts = weights.parts[:, used].astype(np.int64).transpose(1, 0, 2)
    rate, part, column = np.nonzero(parts)
    entries = np.stack([part, column, parts[rate, part, column], weights.least[used][rate, column]], axis=1)
    starts = np.searchsorted(rate, np.arange(len(used) + 1))
    scaled = np.empty(parts.shape[1], np.int64)
    price_calls(counts, place[which], starts, entries, weights.scale[used].astype(np.int64), scaled, words)


def _price(counts: Numbers, grain: Numbers, weights: Weights, which: NDArray[np.int64]) -> NDArray[np.uint64]:
    """(1 + parts, n, 2) uint64: total and parts in picodollars as little-endian 128-bit words.

    ``counts``: (n, k), times ``grain``; the type of both is that of all arithmetic.
    """
    used, which = np.unique(which, return_inverse=True)
    kind = counts.dtype
    scale = weights.scale[used].astype(kind)[which] * grain
    counts = _at_least(counts, grain, weights.least[used], which)
    scaled = [_weighted(counts, part[used].astype(kind), which) for part in weights.parts]
    total = _half_even(np.stack(scaled).sum(axis=0), scale)
    parts = np.stack([part // scale for part in scaled])
    left = total - parts.sum(axis=0)
    parts[_largest(scaled), np.arange(len(counts))] += left
    return np.stack([_words(column) for column in (total, *parts)])


def _at_least(counts: Numbers, grain: Numbers, least: NDArray[np.int64], which: NDArray[np.int64]) -> Numbers:
    """Counts above zero raised to the smallest amount that is billed."""
    columns = np.flatnonzero(least.any(axis=0))
    if not len(columns):
        return counts
    raised = counts.copy()
    for column in columns:
        lowest = least[which, column].astype(counts.dtype) * grain
        raised[:, column] = np.where(counts[:, column] > 0, np.maximum(counts[:, column], lowest), 0)
    return raised


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


def _consistent(
    used: Quantities, weights: Weights, rows: NDArray[np.int64], which: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(len(rows),): whether the counts can be true and have a price altogether."""
    counts = used.counts[rows]
    good: NDArray[np.bool_] = np.asarray((counts >= 0).all(axis=1))
    floats = counts.astype(np.float64)  # for counts beyond 2**53 only the sign of a difference matters
    _, here, there = np.intersect1d(rows, used.broken, return_indices=True)
    floats[here] = used.exact[there] / used.grain[there, None]
    for coefficients in weights.remains:
        good &= _weighted(floats, coefficients, which) >= 0
    for coefficients in weights.covered:
        good &= _weighted(floats, coefficients, which) == 0
    for (one, other, both), joined in weights.joins.items():
        told = used.known[rows, both] if both >= 0 else np.False_
        good &= ~(joined[which] & ~told & (counts[:, one] > 0) & (counts[:, other] > 0))
    return good


def _fits(used: Quantities, weights: Weights, which: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows whose every intermediate value is below 2**62."""
    sums = np.abs(weights.parts).sum(axis=(0, 2))
    heavy = np.array([float(w) if s < _LARGEST else np.inf for w, s in zip(sums, weights.scale, strict=True)])
    counts = np.maximum(used.counts.max(axis=1, initial=0), weights.least.max(initial=0))
    return np.asarray(counts.astype(np.float64) * heavy[which] < _SAFE)


def _words(values: Numbers) -> NDArray[np.uint64]:
    if values.dtype == object:
        low, high = values & (2**64 - 1), values >> 64
        return np.stack([low.astype(np.uint64), high.astype(np.uint64)], axis=1)
    return np.stack([values.astype(np.uint64), np.zeros(len(values), np.uint64)], axis=1)


def _decimals(words: NDArray[np.uint64], valid: NDArray[np.bool_]) -> pa.Array:
    bits = pa.array(valid).buffers()[1]
    return pa.Array.from_buffers(USD, len(words), [bits, pa.py_buffer(np.ascontiguousarray(words))])
