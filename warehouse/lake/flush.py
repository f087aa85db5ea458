"""What one flush of a worker brings to the lake: offset ranges, and the rows made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from warehouse.errors import WarehouseError
from warehouse.schemas import COMMIT_ORDER, SOURCE_STREAM, TABLES


class PartlyCommitted(WarehouseError):
    """A table has a part of a range, or some tables a longer one: take the range anew, cut where the table ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Offsets ``[first, next)`` of one stream; ``app_id`` is ``<cluster id>/<topic id>/<partition>``."""

    app_id: str
    first: int
    next: int

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.next:
            raise ValueError(f"{self.app_id}: [{self.first}, {self.next}) is no range of offsets")

    def is_in(self, table: str, next_offset: int | None) -> bool:
        """Whether a table that expects ``next_offset`` of this stream has the range; PartlyCommitted if only a part."""
        if next_offset is None or next_offset <= self.first:
            return False
        if next_offset >= self.next:
            return True
        raise PartlyCommitted(
            f"{table} has {self.app_id} up to {next_offset}, inside [{self.first}, {self.next}): "
            f"take exactly [{self.first}, {next_offset}) first"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flush:
    """Ranges of different streams, and by table and stream the rows they became; tables without rows may be absent."""

    ranges: tuple[Range, ...]
    tables: Mapping[str, Mapping[str, pa.Table]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        streams = [span.app_id for span in self.ranges]
        if not streams or len(set(streams)) != len(streams):
            raise ValueError(f"a flush takes one range of each of its streams, not {streams}")
        if unknown := set(self.tables) - set(COMMIT_ORDER):
            raise ValueError(f"a flush does not write {sorted(unknown)}")
        if strangers := {app_id for rows in self.tables.values() for app_id in rows} - set(streams):
            raise ValueError(f"rows of {sorted(strangers)} without a range")

    def rows(self, table: str, ranges: tuple[Range, ...]) -> list[pa.Table]:
        """The rows that ``ranges`` bring to one table, with the name of their stream where the table keeps it."""
        by_stream = self.tables.get(table, {})
        rows = {span.app_id: by_stream[span.app_id] for span in ranges if span.app_id in by_stream}
        is_kept = SOURCE_STREAM.name in TABLES[table].schema.names
        return [_with_stream(some, app_id) for app_id, some in rows.items()] if is_kept else list(rows.values())


def _with_stream(rows: pa.Table, app_id: str) -> pa.Table:
    name = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows.num_rows, np.int32)), pa.array([app_id]))
    bare = rows.drop_columns([SOURCE_STREAM.name]) if SOURCE_STREAM.name in rows.column_names else rows
    return bare.append_column(SOURCE_STREAM.name, name)
