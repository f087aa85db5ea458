"""What there is to choose from: the values of each dimension in a period, the dearest first."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from dashboards.answers import Source
from dashboards.charts import name_of
from dashboards.grid import Row
from dashboards.view import DIMENSIONS, View
from warehouse.errors import WarehouseError


def names_in(source: Source, view: View) -> dict[str, list[str]]:
    """Values by dimension; none where the lake cannot be read: the page itself says what is wrong."""
    rows: list[Row] = []
    with suppress(WarehouseError):
        rows = source.answers().spend(view, view.at(datetime.now(UTC)), by=DIMENSIONS)
    return {name: list(dict.fromkeys(name_of(row[name]) for row in rows)) for name in DIMENSIONS}
