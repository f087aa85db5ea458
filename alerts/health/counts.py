"""Counts of minutes as the fold takes them: rows of the question ``health`` become arrays by series.

A series is a leaf or a sum of leaves; both stand in the same arrays. ``ALL`` in a key: all values of that dimension.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from alerts.health.table import DIMENSIONS, Family, signals_of
from alerts.minutes import MINUTE_S
from alerts.signals.arrays import Bools, Floats, Numbers

BINS = 36
"""Of a histogram: bin b holds what took up to ``1.02 ** (20 * b)`` ms."""
CELLS = 1 << 16
"""Series times blocks that are counted at once."""


class Every(Enum):
    """Stands for all values of a dimension."""

    ALL = "all"


ALL = Every.ALL
Key = tuple[str | Every | None, ...]
"""Values in the order of ``DIMENSIONS``."""


@dataclass(slots=True)
class Block:
    """Counts of the minutes [minute, minute + width): by measure (series,), of histograms (BINS, series) of leaves."""

    minute: int
    width: int
    counts: Mapping[str, Floats]
    bins: Mapping[str, Floats]


@dataclass(slots=True)
class Index:
    """``keys`` of the series by number; ``is_leaf``; ``members``: (leaves, 1 + sums) numbers that a leaf counts in."""

    family: Family
    keys: list[Key] = field(default_factory=list)
    is_leaf: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))
    _numbers: dict[Key, int] = field(default_factory=dict)
    _of_leaf: dict[Key, Numbers] = field(default_factory=dict)
    _members: Numbers | None = None

    @property
    def members(self) -> Numbers:
        """The own number of a leaf stands first."""
        if self._members is None or len(self._members) != len(self._of_leaf):
            width = 1 + len(self.family.sums)
            self._members = np.array(list(self._of_leaf.values()), np.int64).reshape(len(self._of_leaf), width)
        return self._members

    def add_up(self, values: NDArray[Any]) -> Floats:
        """(…, series) what is told of leaves, with that of their sums."""
        rows, series = values.reshape(-1, values.shape[-1]), values.shape[-1]
        members = self.members.T[:, None, :]  # (1 + sums, 1, leaves)
        places = members + series * np.arange(len(rows))[:, None]
        own = np.empty(places.shape)
        own[...] = rows[:, self.members[:, 0]]
        return np.bincount(places.ravel(), own.ravel(), rows.size).reshape(values.shape).astype(np.float64, copy=False)

    def find(self, leaf: tuple[str | None, ...]) -> Numbers:
        """The numbers of a leaf, the own one first; new ones get the next."""
        kept = [self.family.dimensions, *self.family.sums]
        keys = [
            tuple(value if name in names else ALL for name, value in zip(DIMENSIONS, leaf, strict=True))
            for names in kept
        ]
        found = self._of_leaf.get(keys[0])
        if found is None:
            for key in keys:
                if key not in self._numbers:
                    self._numbers[key] = len(self.keys)
                    self.keys.append(key)
                    self.is_leaf = np.append(self.is_leaf, key is keys[0])
            found = self._of_leaf[keys[0]] = np.array([self._numbers[key] for key in keys], np.int64)
        return found


def blocks_of(rows: pa.Table, index: Index, first: int, end: int, width: int = 1) -> Iterator[Block]:
    """Every ``width`` minutes of [first, end), also those in which there was nothing."""
    signals = signals_of(index.family.name)
    counted = {name for one in signals for name in (*one.parts, one.whole) if one.quantile is None}
    binned = {one.quantile for one in signals if one.quantile is not None}
    told = (
        pl.DataFrame(rows)
        .lazy()
        .filter(pl.col("measure").is_in(list(counted | binned)))
        .with_columns((pl.col("slot").dt.epoch("s") // MINUTE_S).alias("minute"))
        .sort("minute")
        .collect()
    )
    keys = told.select(DIMENSIONS).unique(maintain_order=True)
    numbers = [index.find(key) for key in keys.iter_rows()]
    places = told.join(
        keys.with_row_index("key"), on=list(DIMENSIONS), how="left", nulls_equal=True, maintain_order="left"
    )["key"].to_numpy()
    each = np.array(numbers, np.int64).reshape(len(numbers), 1 + len(index.family.sums))[places]  # (rows, 1 + sums)
    minutes, amounts, names = told["minute"].to_numpy(), told["amount"].to_numpy(), told["measure"].to_numpy()
    bins = told["bin"].fill_null(0).to_numpy()
    series, slots = len(index.keys), -(-(end - first) // width)
    at = (minutes - first) // width
    inside = (at >= 0) & (at < slots)
    of = {name: np.flatnonzero(inside & (names == name)) for name in counted | binned}
    step = max(1, CELLS // max(1, series))
    for begin in range(0, slots, step):
        some = range(begin, min(begin + step, slots))
        sums = {}
        for name, rows_ in of.items():
            cut = rows_[slice(*np.searchsorted(at[rows_], (begin, some.stop)))]
            deep = BINS if name in binned else 1
            cells = (at[cut] - begin) * deep + (bins[cut] if name in binned else 0)
            sums[name] = _sums(each[cut] + series * cells[:, None], amounts[cut], (len(some), deep, series))
        for place in range(len(some)):
            yield Block(
                first + (begin + place) * width,
                width,
                {name: sums[name][place, 0] for name in counted},
                {name: sums[name][place] for name in binned},
            )


def _sums(places: Numbers, amounts: Floats, shape: tuple[int, ...]) -> Floats:
    """By cell, each row in all that it counts in."""
    if not len(places):
        return np.broadcast_to(np.zeros(()), shape)
    sums = np.bincount(places.ravel(), np.repeat(amounts, places.shape[1]), math.prod(shape))
    return sums.reshape(shape).astype(np.float64, copy=False)
