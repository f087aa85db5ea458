"""What a change of prices means in money: calls priced a second and a third time, exactly, at one instant each.

Every call is priced as if it had started at the instant of a side (``shown.Side``), at its own time of day: so the sums
stand beside the rates that ``show_changes`` compares. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from processors.pricing.columns import NEEDED, price_spans
from processors.pricing.shown import CHANGES, Side
from warehouse.schemas import SPANS, USD

TOTAL = "total"
"""``kind`` of a row that is money and no rate."""

_KEYS = ("provider", "model")
_SUMS = ("calls", "input_tokens", "output_tokens", "before", "after", "before_unpriced_calls", "after_unpriced_calls")
_NEEDED = pa.schema([SPANS.field(name) for name in NEEDED])
_PER_CALL = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in _KEYS),
        *(pa.field(name, USD if name in ("before", "after") else pa.int64()) for name in _SUMS),
    ]
)


def sum_up(before: Side, after: Side, calls: Iterable[pa.Table]) -> pa.Table:
    """One row a provider and model: ``provider model`` and ``_SUMS``; no calls, no rows.

    ``calls``: tables with the columns ``NEEDED`` of billable calls, taken one by one. Costs are sums of what has
    a price, NULL where nothing has; tokens of what is reported.
    """
    books = [side.book.standing(side.at_us) for side in (before, after)]
    parts = [_PER_CALL.empty_table()]
    for table in calls:
        rows = table.select(NEEDED).cast(_NEEDED).append_column("billable", pa.array([True] * table.num_rows))
        costs = [price_spans(rows, book)["cost_usd"] for book in books]
        ones = pa.array([1] * table.num_rows, pa.int64())
        columns = [
            rows["provider"],
            pc.coalesce(rows["response_model"], rows["request_model"]),
            ones,
            rows["input_tokens"],
            rows["output_tokens"],
            *costs,
            *(pc.is_null(cost).cast(pa.int64()) for cost in costs),
        ]
        parts.append(_grouped(pa.table(columns, names=_PER_CALL.names).cast(_PER_CALL)))
    return _grouped(pa.concat_tables(parts)).sort_by([("calls", "descending"), *((key, "ascending") for key in _KEYS)])


def _grouped(table: pa.Table) -> pa.Table:
    sums = table.group_by(_KEYS).aggregate([(name, "sum") for name in _SUMS])
    return (
        sums.rename_columns([name.removesuffix("_sum") for name in sums.column_names])
        .select(_PER_CALL.names)
        .cast(_PER_CALL)
    )


def show_money(sums: pa.Table) -> pa.Table:
    """Those models that cost something else after than before, in ``CHANGES``."""
    rows = [
        {
            "provider": row["provider"],
            "model": row["model"],
            "kind": TOTAL,
            "before_usd": _text(row["before"]),
            "after_usd": _text(row["after"]),
            "change_percent": f"{(row['after'] - row['before']) / row['before'] * 100:+.2f}"
            if row["before"] and row["after"] is not None
            else None,
            **{name: row[name] for name in _SUMS if name not in ("before", "after")},
        }
        for row in sums.to_pylist()
        if (row["before"], row["before_unpriced_calls"]) != (row["after"], row["after_unpriced_calls"])
    ]
    return pa.Table.from_pylist(rows, schema=CHANGES)


def say_money(sums: pa.Table) -> str:
    """All calls in one line."""
    totals = {name: pc.sum(sums[name]).as_py() for name in _SUMS}
    known = {
        name: f"USD {_text(totals[name])}" if totals[name] is not None else "no known cost"
        for name in ("before", "after")
    }
    unpriced = (
        f" ({totals['before_unpriced_calls'] or 0} and {totals['after_unpriced_calls'] or 0} calls without a price)"
    )
    return f"{totals['calls'] or 0} calls: {known['before']} before, {known['after']} after{unpriced}"


def _text(usd: object) -> str | None:
    return None if usd is None else f"{usd:f}"
