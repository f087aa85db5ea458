"""Lakes with rows as workers and one settlement would have written them, told by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, rows, stretch
from warehouse.lake import Flush
from warehouse.reader import Warehouse, WarehouseSnapshot
from warehouse.settings import LakeSettings

STREAMED = ("usage", "spans", "outcomes", "safety")
CLOSED = {"settlement": 1, "close_id": "x"}


def held(directory: Path, closed_to: datetime, **tables: Sequence[Mapping[str, Any]]) -> WarehouseSnapshot:
    """A lake with these rows, settled up to ``closed_to``; lines of the books are of its one settlement."""
    settings = LakeSettings(url=str(directory))
    lake = open_lake(settings)
    streamed = {name: {APP: rows(name, *tables.pop(name))} for name in STREAMED if name in tables}
    lake.commit(Flush(ranges=(stretch(0, 1),), tables=streamed))
    for name, records in tables.items():
        stamp = {} if name == "incidents" else CLOSED
        lake.append_once(name, rows(name, *(stamp | dict(one) for one in records)), f"test/{name}", 1)
    told = {"kind": "settle", "closed_at": closed_to, "closed_to": closed_to, "offsets": []}
    told["months_closed_to"] = date(2026, 1, 1)
    lake.append_once("settlements", rows("settlements", CLOSED | told), "test", 1)
    return Warehouse(settings).snapshot()
