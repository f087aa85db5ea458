"""Newcomers: a tenant, a model or a principal that was never seen before, and spends more than a floor in two days.

A rule, no statistics: it needs a week of history and says each newcomer once. Models and principals of a new tenant are
not told beside it, nor is a principal that asks a new model for the most part, nor what an open incident names already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa

from alerts.amounts import dollars
from alerts.calendar import Announced, is_announced
from alerts.events import MICRODOLLAR, Signature, end_of, next_event
from alerts.explain import explain
from alerts.health.table import NEWCOMER
from alerts.incidents import OPENED, Contributor, Event, Incident, Scope, latest_incidents

LEAST_HISTORY, NEW = timedelta(days=7), timedelta(days=2)
KINDS: Mapping[str, tuple[str, ...]] = {
    "tenant": ("tenant",),
    "model": ("tenant", "provider", "model"),
    "principal": ("tenant", "principal"),
}
MOST = 0.8
"""Of a principal's spend that a new model explains."""
ZERO = Decimal(0)
CAUSES = ("model", "principal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """``kind``: what is new of its scope, since ``first``; ``spent``: rows of its usage."""

    kind: str
    scope: Scope
    first: date
    spent_usd: Decimal
    spent: pa.Table


def find_newcomers(days: pa.Table, today: date, floor_usd: float) -> list[Newcomer]:
    """Those of today and yesterday; ``days``: columns day, tenant, provider, model, principal, calls, cost_usd."""
    rows = pl.DataFrame(days).with_columns(pl.col("cost_usd").fill_null(ZERO))
    began = rows["day"].min()
    if not isinstance(began, date) or today - began < LEAST_HISTORY:
        return []
    found: list[Newcomer] = []
    for kind, names in KINDS.items():
        firsts = rows.group_by(names).agg(pl.col("day").min(), pl.col("cost_usd").sum()).sort("cost_usd", *names)
        new = firsts.filter(
            (pl.col("day") > today - NEW) & (pl.col("cost_usd") >= floor_usd) & pl.col(kind).is_not_null()
        )
        for row in new.reverse().iter_rows(named=True):
            mine = rows.filter(pl.all_horizontal(pl.col(name).eq_missing(row[name]) for name in names))
            one = Newcomer(
                kind=kind,
                scope=Scope.of({name: row[name] for name in names}),
                first=row["day"],
                spent_usd=row["cost_usd"],
                spent=mine.to_arrow(),
            )
            if not any(_explains(known, mine) for known in found):
                found.append(one)
    return found


def draft_newcomer_events(
    newcomers: Sequence[Newcomer],
    incidents: Mapping[str, Incident],
    announced: Sequence[Announced],
    signature: Signature,
) -> list[Event]:
    """The events that are due: each newcomer once, its end when it is new no more."""
    latest = latest_incidents(one for one in incidents.values() if one.opened.signal == NEWCOMER)
    known = {subject.scope for subject in latest}
    drafts = [
        _open(one, signature)
        for one in newcomers
        if one.scope not in known
        and not is_announced(announced, signature.recorded_at, {"signal": NEWCOMER, **one.scope.as_dict()})
        and not any(_is_told(one, incident) for incident in incidents.values())
    ]
    over = signature.recorded_at - NEW
    drafts += [
        end_of(one, f"{one.last.scope}: new no more", signature)
        for one in latest.values()
        if one.is_open and one.opened.window_start <= over
    ]
    return drafts


def _open(one: Newcomer, signature: Signature) -> Event:
    opened_at = signature.recorded_at.replace(second=0, microsecond=0)
    start = datetime.combine(one.first, time(), UTC)
    named = one.scope.as_dict()
    causes: tuple[Contributor, ...] = explain(
        one.spent, one.spent, ZERO, [name for name in CAUSES if name not in named]
    )
    hours = Decimal(max((opened_at - start) / timedelta(hours=1), 1.0))
    return next_event(
        OPENED,
        NEWCOMER,
        one.scope,
        signature,
        window=(start, opened_at),
        observed_usd=one.spent_usd,
        excess_usd_per_hour=(one.spent_usd / hours).quantize(MICRODOLLAR),
        more={
            "contributors": causes,
            "summary": f"{one.scope}: a new {one.kind}, first seen on {one.first}, has spent {dollars(one.spent_usd)}",
        },
    )


def _explains(known: Newcomer, mine: pl.DataFrame) -> bool:
    """Whether most of what somebody spent is the newcomer's."""
    shared = mine.filter(
        pl.all_horizontal(pl.col(name).eq_missing(pl.lit(value)) for name, value in known.scope.values)
    )
    return float(shared["cost_usd"].sum()) >= MOST * float(mine["cost_usd"].sum())


def _is_told(one: Newcomer, incident: Incident) -> bool:
    """Whether an incident about money that is open, or has opened since it is there, names what is new."""
    named = incident.opened.scope.as_dict()
    value = one.scope.as_dict()[one.kind]
    return (
        (incident.is_open or incident.opened.opened_at.date() >= one.first)
        and incident.opened.excess_usd > 0
        and one.kind in named
        and named[one.kind] == value
        and named.get("tenant", one.scope.as_dict()["tenant"]) == one.scope.as_dict()["tenant"]
        and (one.kind != "tenant" or incident.opened.signal == NEWCOMER)
    )
