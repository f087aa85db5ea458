"""Growing columns: plain lists while a range is walked, Arrow at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from processors.conventions.table import MANY, AliasTable
from processors.decode.decoded import EVALUATIONS, KINDS, STRUCTURE, Decoded
from processors.messages import DeadLetter

Found = dict[str, tuple[int, Any]]
"""Field -> (index of the alias that gave it, value)."""


class Columns:
    """Takes one span after the other."""

    def __init__(self, table: AliasTable) -> None:
        self._table = table
        self._structure: list[tuple[Any, ...]] = []
        self._found: list[Found] = []
        self._evaluations: list[tuple[Any, ...]] = []

    def add(self, *, structure: tuple[Any, ...], found: Found, evaluations: Sequence[tuple[int | None, Found]]) -> None:
        """Append one span: the values of ``STRUCTURE``, what its attributes gave, its evaluations by time."""
        for observed_ns, given in evaluations:
            values = [given[name][1] if name in given else None for name in MANY]
            self._evaluations.append((len(self._structure), observed_ns, *values))
        self._structure.append(structure)
        self._found.append(found)

    def finish(self, *, messages: pa.Table, dead: tuple[DeadLetter, ...], dropped: Mapping[str, int]) -> Decoded:
        """All columns as Arrow."""
        spans = to_table(self._structure, STRUCTURE)
        winners: dict[str, pa.Array] = {}
        for field in self._table.columns:
            pairs = [found.get(field.name, (None, None)) for found in self._found]
            spans = spans.append_column(field.name, pa.array([value for _, value in pairs], type=KINDS[field.kind]))
            winners[field.name] = pa.array([index for index, _ in pairs], type=pa.int16())
        return Decoded(
            table=self._table,
            spans=spans,
            winners=pa.table(winners),
            evaluations=to_table(self._evaluations, EVALUATIONS),
            messages=messages,
            dead=dead,
            dropped=dropped,
        )


def to_table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    """Rows of values as a table of the schema."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
