"""What calls used, as columns of whole numbers.

Token counts are whole. The amounts of ``units`` are doubles: one stands for the decimal that Python and genai-prices
write for it (12.3 seconds are 123/10, not the binary fraction), so rows with a broken amount are held a second time as
Python integers, together with the power of ten that they were multiplied with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.pricing.kinds import INDEX, REPORTED, REQUESTS, kinds_of_unit
from warehouse.once.facts import one_piece
from warehouse.schemas import TOKEN_KINDS

_MOST = 2.0**53
"""Amounts of units beyond this are no amounts: the call counts as contradicting itself."""
_TOKENS = len(TOKEN_KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """Counts of n calls.

    ``kinds``: (k,) ascending columns of ``KINDS`` that occur in any row: all tokens, units where one row has them, the
    reported cost where it is asked for, and the call itself. ``counts``: (n, k) int64, unreported = 0, negative =
    impossible; in ``broken`` rows without fractions. ``known``: (n, k), what is reported. ``broken``: (m,) rows; their
    exact counts times ``grain`` stand in ``exact`` (m, k) and ``grain`` (m,), both Python integers.
    """

    kinds: NDArray[np.int64]
    counts: NDArray[np.int64]
    known: NDArray[np.bool_]
    broken: NDArray[np.int64]
    exact: NDArray[Any]
    grain: NDArray[Any]

    def as_integers(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Python integers of some rows, times a grain: (r, k) and (r,)."""
        counts = self.counts[rows].astype(object)
        grain = np.ones(len(rows), dtype=object)
        _, here, there = np.intersect1d(rows, self.broken, return_indices=True)
        counts[here], grain[here] = self.exact[there], self.grain[there]
        return counts, grain


def read_quantities(calls: pa.Table, *, reported: bool) -> Quantities:
    """Counts of a table with the token columns, ``units``, ``operation`` and, where asked for, the reported costs."""
    rows, columns, amounts = _units(calls)
    costs, cost_rows = _reported(calls) if reported else ([], np.zeros(0, np.int64))
    kinds = np.unique(
        np.concatenate([np.arange(_TOKENS), columns, [INDEX[REQUESTS]], [INDEX[REPORTED]] * reported]).astype(np.int64)
    )
    counts = np.zeros((len(calls), len(kinds)), np.int64, order="F")  # columns are what is worked on
    known = np.zeros(counts.shape, np.bool_, order="F")
    for column, kind in enumerate(TOKEN_KINDS):
        if calls[kind].null_count < len(calls):
            counts[:, column] = _ints(pc.fill_null(calls[kind].cast(pa.int64()), 0))
            known[:, column] = _bools(pc.is_valid(calls[kind]))
    counts[:, -1], known[:, -1] = 1, True
    place = np.searchsorted(kinds, columns)
    possible = np.isfinite(amounts) & (amounts >= 0) & (amounts <= _MOST)
    amounts = np.where(possible, amounts, -1)
    counts[rows, place] = amounts.astype(np.int64)
    known[rows, place] = True
    if reported:
        known[cost_rows, -2] = True
    odd = possible & (amounts % 1 != 0)
    broken = np.unique(np.concatenate([rows[odd], cost_rows]))
    among = np.isin(rows, broken) & possible
    values, index = np.unique(amounts[among], return_inverse=True)
    exact, grain = _exact(
        counts[broken],
        np.searchsorted(broken, np.concatenate([rows[among], cost_rows])),
        np.concatenate([place[among], np.full(len(cost_rows), len(kinds) - 2)]),
        [Decimal(repr(float(value))) for value in values] + costs,
        np.concatenate([index, len(values) + np.arange(len(costs))]),
    )
    return Quantities(kinds=kinds, counts=counts, known=known, broken=broken, exact=exact, grain=grain)


def _units(calls: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Row, column of ``KINDS`` and amount of everything that ``units`` tell of."""
    if calls["units"].null_count == len(calls):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    rows, entries, units = _entries(calls["units"])
    names = units.keys.take(entries).dictionary_encode()
    operations = pc.dictionary_encode(one_piece(calls["operation"].cast(pa.string())), null_encoding="encode")
    by_name = _ints(names.indices.cast(pa.int64()))
    by_operation = _ints(operations.indices.cast(pa.int64()))[rows]
    amounts = np.asarray(pc.fill_null(units.items.take(entries), np.nan).to_numpy(zero_copy_only=False), np.float64)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
    for n, name in enumerate(names.dictionary.to_pylist()):
        for o, operation in enumerate(operations.dictionary.to_pylist()):
            here = np.flatnonzero((by_name == n) & (by_operation == o))
            kinds = kinds_of_unit(name, operation) if len(here) else ()
            found += [(rows[here], np.full(len(here), INDEX[kind]), amounts[here]) for kind in kinds]
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    row, column, amount = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return row, column, amount


def _entries(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array, pa.MapArray]:
    """Row of every entry of a map column, the entry's place among its keys and items, and the map itself."""
    units = one_piece(column)
    offsets = np.asarray(units.offsets.to_numpy(zero_copy_only=False), np.int64)
    lengths = np.where(_bools(pc.is_valid(units)), np.diff(offsets), 0)
    before = np.cumsum(lengths) - lengths
    places = np.repeat(offsets[:-1] - before, lengths) + np.arange(lengths.sum())
    return np.repeat(np.arange(len(lengths)), lengths), pa.array(places), units


def _reported(calls: pa.Table) -> tuple[list[Decimal], NDArray[np.int64]]:
    """The costs that producers report, and their rows."""
    column = calls["reported_cost_usd"]
    return column.drop_null().to_pylist(), np.flatnonzero(_bools(pc.is_valid(column)))


def _exact(
    counts: NDArray[np.int64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: Sequence[Decimal],
    index: NDArray[np.int64],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Counts of the broken rows times a power of ten each, so that all of them are whole.

    In (``rows``, ``columns``) stand ``values[index]`` instead of the counts.
    """
    each = np.array([max(0, -int(value.as_tuple().exponent)) for value in values], np.int64)
    most = np.zeros(len(counts), np.int64)
    np.maximum.at(most, rows, each[index])
    grain = np.array([10 ** int(place) for place in most], dtype=object)
    exact = counts.astype(object) * grain[:, None]
    numerators = np.array([int(v.scaleb(int(place))) for v, place in zip(values, each, strict=True)], dtype=object)
    missing = np.array([10 ** int(place) for place in most[rows] - each[index]], dtype=object)
    exact[rows, columns] = numerators[index] * missing
    return exact, grain


def _bools(column: Any) -> NDArray[np.bool_]:
    return np.asarray(one_piece(column).to_numpy(zero_copy_only=False), dtype=bool)


def _ints(column: Any) -> NDArray[np.int64]:
    return np.asarray(one_piece(column).to_numpy(zero_copy_only=False), dtype=np.int64)
