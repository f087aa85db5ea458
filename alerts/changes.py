"""What changed near the onset: values that were never seen in the week before, and versions that came into service.

A value of the window is new where the tenant and feature had not had it up to two hours before; of a feature that is
new itself, where the tenant had not. Of who had nothing at all before, nothing is new. Versions of services are in
spans alone: one is new where the service called with another one in the hour before those that are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa

from alerts.incidents import Scope
from alerts.parts import Change

DIMENSIONS = ("feature", "model", "principal", "prompt_version", "route", "service")
VERSION = "service_version"
NEAR = timedelta(hours=2)
"""So long before the window something may have changed."""
WEEK = timedelta(days=7)
VERSIONS_WITHIN, VERSIONS_BEFORE = timedelta(hours=6), timedelta(hours=1)
LEAST_SHARE = 0.05
"""Of the scope's cost since the day before that a new value must have."""
MOST = 5

Read = Callable[[Scope, datetime, datetime], pa.Table]


def find_changes(
    scope: Scope, window: tuple[datetime, datetime], recent: pa.Table, *, usage: Read, deploys: Read
) -> tuple[Change, ...]:
    """At most ``MOST``, the dearest first; none of what is of several tenants.

    ``recent``: usage of the scope from a day before the window on.
    """
    start, end = window
    around = [Scope.of({name: scope.as_dict()[name] for name in names}) for names in _around(scope)]
    earlier = next(((one, rows) for one in around if (rows := usage(one, start - WEEK, start - NEAR)).num_rows), None)
    if earlier is None:
        return ()
    found = [*_new_values(recent, earlier[1]), *_new_versions(earlier[0], start, end, deploys)]
    return tuple(sorted(found, key=lambda one: (-(one.cost_usd or Decimal(0)), one.dimension, one.value)))[:MOST]


def _around(scope: Scope) -> Iterable[tuple[str, ...]]:
    named = scope.as_dict()
    if "tenant" not in named:
        return ()
    return (("tenant", "feature"), ("tenant",)) if "feature" in named else (("tenant",),)


def _new_values(recent: pa.Table, earlier: pa.Table) -> Iterable[Change]:
    rows = pl.DataFrame(recent.select([*DIMENSIONS, "first_minute", "calls", "cost_usd"]))
    least = LEAST_SHARE * float(rows["cost_usd"].sum() or 0)
    for dimension in DIMENSIONS:
        known = set(earlier[dimension].to_pylist())
        sums = rows.group_by(dimension).agg(pl.col("first_minute").min(), pl.col("calls", "cost_usd").sum())
        for value, first, calls, cost_usd in sums.iter_rows():
            if value is not None and value not in known and float(cost_usd or 0) >= least:
                yield Change(dimension=dimension, value=value, first_seen_at=first, calls=calls, cost_usd=cost_usd)


def _new_versions(around: Scope, start: datetime, end: datetime, deploys: Read) -> Iterable[Change]:
    since = max(start - NEAR, end - VERSIONS_WITHIN)
    rows = deploys(around, since - VERSIONS_BEFORE, end).to_pylist()
    before = {row["service"] for row in rows if row["first_seen_at"] < since}
    for row in rows:
        if row[VERSION] is not None and row["first_seen_at"] >= since and row["service"] in before:
            name = " ".join(part for part in (row["service"], row[VERSION]) if part)
            yield Change(
                dimension=VERSION,
                value=name,
                first_seen_at=row["first_seen_at"],
                calls=row["calls"],
                cost_usd=row["cost_usd"],
            )
