"""What stands in a lake, read past our own reader: by deltalake."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deltalake import DeltaTable

from warehouse.lake import Flush
from warehouse.lake.place import Place
from warehouse.schemas import COMMIT_ORDER
from warehouse.settings import LakeSettings


def stored(settings: LakeSettings, table: str) -> list[str]:
    """Every row of a table as text, sorted: equal lists are equal tables."""
    place = Place.of(settings)
    found = DeltaTable(place.table_url(table), storage_options=dict(place.options)).to_pyarrow_table()
    return sorted(repr(sorted(row.items())) for row in found.to_pylist())


def sent(flushes: Iterable[Flush], table: str) -> list[str]:
    """Every row that the flushes bring to a table, likewise."""
    parts = [part for flush in flushes for part in flush.rows(table, flush.ranges)]
    return sorted(repr(sorted(row.items())) for part in parts for row in part.to_pylist())


def assert_exactly_once(settings: LakeSettings, *flushes: Flush) -> None:
    """Every table holds exactly what was sent, and each row once."""
    for table in COMMIT_ORDER:
        assert stored(settings, table) == sent(flushes, table), table


def files(settings: LakeSettings, table: str) -> int:
    """How many Parquet files lie in a table's directory, committed or not."""
    return len(list(Path(settings.url, table).glob("day=*/*.parquet")))
