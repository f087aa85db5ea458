"""Structured values (JSON, Python reprs, lists, maps) that may tell what no attribute told: each is parsed once."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from processors.conventions.table import AliasTable
from processors.decode import values, verdicts
from processors.decode.paths import Paths
from processors.decode.walk import Walk
from processors.decode.wire.columns import Offer
from processors.decode.wire.values import ARRAY, STRING
from processors.messages import Message

MOST_KEPT = 20_000
MOST_KEPT_BYTES = 4096
"""Longer ones are content: no two are the same."""

Told = tuple[tuple[int, int, Any], ...]
"""Field, alias and value of everything that a structure tells."""


class Structures:
    """Reads structures and keeps what short ones told."""

    def __init__(self, table: AliasTable) -> None:
        self._walk = Walk(table)
        self._numbers = {field.name: number for number, field in enumerate(table.fields)}
        self._paths = [Paths.of(aliases) for aliases in table.span.values()]
        self._kept: OrderedDict[tuple[int, int, bytes], Told | None] = OrderedDict()

    def read(
        self, messages: Sequence[Message], of_row: NDArray[np.int64], found: NDArray[np.int64]
    ) -> tuple[dict[int, list[Offer]], set[int]]:
        """Offers by field, and the rows that tell a verdict, which only the whole span settles.

        ``of_row``: row -> message; ``found``: row, slot, begin, size, kind of each structure.
        """
        offers: dict[int, list[Offer]] = defaultdict(list)
        left: set[int] = set()
        at = of_row[found[:, 0]].tolist()
        for message, (row, slot, begin, size, kind) in zip(at, found.tolist(), strict=True):
            told = self._read((slot, kind, messages[message].value[begin : begin + size]))
            if told is None:
                left.add(row)
                continue
            for field, alias, value in told:
                offers[field].append((row, alias, value))
        return offers, left

    def _read(self, structure: tuple[int, int, bytes]) -> Told | None:
        if structure in self._kept:
            return self._kept[structure]
        slot, kind, written = structure
        told = self._tell(slot, _value(kind, written))
        if len(written) <= MOST_KEPT_BYTES:
            self._kept[structure] = told
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return told

    def _tell(self, slot: int, value: Any) -> Told | None:
        found = self._walk.inside(self._paths[slot], value)
        return None if verdicts.FIELD in found else tuple(self._words(found.items()))

    def _words(self, found: Iterable[tuple[str, tuple[int, Any]]]) -> Iterable[tuple[int, int, Any]]:
        return ((self._numbers[name], alias, value) for name, (alias, value) in found)


def _value(kind: int, written: bytes) -> Any:
    """What stands on the wire as Python sees it."""
    if kind == STRING:
        return written.decode()
    value = AnyValue()
    (value.array_value if kind == ARRAY else value.kvlist_value).MergeFromString(written)
    return values.plain(value)
