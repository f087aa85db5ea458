"""Tables of billable calls for tests: what is not said is NULL."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from warehouse.schemas import COST_KINDS, SPANS

UNPRICED = pa.schema(
    [field for field in SPANS if field.name not in ("cost_usd", *COST_KINDS, "price_status", "price_version")]
)
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def call(**fields: Any) -> dict[str, Any]:
    """One billable chat call that worked, a second long, at noon."""
    known = {
        "billable": True,
        "operation": "chat",
        "status": "ok",
        "started_at": NOON,
        "ended_at": NOON + dt.timedelta(seconds=1),
        "duration_ms": 1000.0,
    }
    return known | fields


def calls(*rows: dict[str, Any]) -> pa.Table:
    """Spans as pricing takes them."""
    return pa.Table.from_pylist(list(rows), schema=UNPRICED)


def spans(*rows: dict[str, Any]) -> pa.Table:
    """Spans as the lake keeps them."""
    return pa.Table.from_pylist(list(rows), schema=SPANS)
