"""Growing columns: plain lists while a range is walked, Arrow at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from processors.conventions.table import MANY, AliasTable
from processors.decode.decoded import EVALUATIONS, KINDS, STRUCTURE, Decoded
from processors.messages import DeadLetter, Tally

Found = dict[str, tuple[int, Any]]
"""Field -> (index of the alias that gave it, value)."""


class Columns:
    """Takes one span after the other; what a span does not have costs nothing."""

    def __init__(self, table: AliasTable) -> None:
        self._table = table
        self._structure: list[tuple[Any, ...]] = []
        self._filled: dict[str, list[tuple[int, int, Any]]] = {field.name: [] for field in table.columns}
        self._evaluations: list[tuple[Any, ...]] = []

    def add(self, *, structure: tuple[Any, ...], found: Found, evaluations: Sequence[tuple[int | None, Found]]) -> None:
        """Append one span: the values of ``STRUCTURE``, what its attributes gave, its evaluations by time."""
        row = len(self._structure)
        self._structure.append(structure)
        for name, (index, value) in found.items():
            self._filled[name].append((row, index, value))
        for observed_ns, given in evaluations:
            self._evaluations.append((row, observed_ns, *evaluation(given)))

    @property
    def is_empty(self) -> bool:
        """Whether no span has come."""
        return not self._structure

    def finish(self, *, messages: pa.Table, dead: tuple[DeadLetter, ...], dropped: Tally) -> Decoded:
        """All columns as Arrow."""
        structure = to_table(self._structure, STRUCTURE)
        values = {field.name: self._spread(field.name, 2, KINDS[field.kind]) for field in self._table.columns}
        winners = {field.name: self._spread(field.name, 1, pa.int16()) for field in self._table.columns}
        names = [*STRUCTURE.names, *values]
        return Decoded(
            table=self._table,
            spans=pa.table([*structure.columns, *values.values()], names=names),
            winners=pa.table(winners),
            evaluations=to_table(self._evaluations, EVALUATIONS),
            messages=messages,
            dead=dead,
            dropped=dropped,
        )

    def _spread(self, name: str, part: int, kind: pa.DataType) -> pa.Array:
        """One part of what was filled into a field, over all rows."""
        filled, rows = self._filled[name], len(self._structure)
        if not filled:
            return pa.nulls(rows, kind)
        spread: list[Any] = [None] * rows
        for entry in filled:
            spread[entry[0]] = entry[part]
        return pa.array(spread, type=kind)


def evaluation(given: Found) -> list[Any]:
    """The values of one evaluation, as ``MANY`` has them."""
    return [given[name][1] if name in given else None for name in MANY]


def to_table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Rows of values as a table of the schema."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
