"""Newcomers: a tenant, a model or a principal that was never seen before, and spends more than a floor in two days.

A rule, no statistics: it needs a week of history and says each newcomer once. Models and principals of a new tenant are
not told beside it, nor is a principal that asks a new model for the most part, nor what an open incident names already.
Principals of a tenant that came on one day (keys that were changed) are one incident, as are tenants: those that are
found at once (an onboarding, or a name that is spelt anew); it names none of them, so none sees what the others spend.
Those of a later day go on with the open incident of their scope, which ends two days after the last that it tells of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from alerts.incidents import MAX_UPDATES, OPENED, UPDATED, WORSE, Event, Incident, Scope
from alerts.judge import DETECTED

LEAST_HISTORY, NEW = timedelta(days=7), timedelta(days=2)
KINDS: Mapping[str, tuple[str, ...]] = {
    "tenant": ("tenant",),
    "model": ("tenant", "provider", "model"),
    "principal": ("tenant", "principal"),
}
COUNTS_AS_TOLD = {"tenant": (NEWCOMER,), "principal": DETECTED}
"""Signals whose incidents tell of a newcomer already; of a model all do."""
MOST = 0.8
"""Of a principal's spend that a new model explains."""
ZERO = Decimal(0)
CAUSES = ("tenant", "model", "principal")


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
    """The events that are due: each newcomer once, keys of a day again when they are twice as many, and the end.

    One incident of a scope is open at a time.
    """
    told = [one for one in reversed([*incidents.values()]) if one.opened.signal == NEWCOMER]
    news = [
        one
        for one in newcomers
        if not is_announced(announced, signature.recorded_at, {"signal": NEWCOMER, **one.scope.as_dict()})
        and not any(_is_told(one, incident) for incident in incidents.values())
    ]
    drafts: list[Event] = []
    for group in _groups(news):  # of two groups of a scope the second waits for the next look
        if all(one.scope != _scope_of(group) for one in drafts):
            drafts += _follow(group, told, signature)
    over, goes_on = signature.recorded_at - NEW, {one.incident_id for one in drafts}
    drafts += [
        end_of(one, f"{one.last.scope}: new no more", signature)
        for one in told
        if one.is_open and one.last.window_start <= over and one.opened.incident_id not in goes_on
    ]
    return drafts


def _groups(newcomers: Iterable[Newcomer]) -> Iterable[list[Newcomer]]:
    """Tenants that came on one day have one cause, keys of a tenant too; models are told by themselves."""
    groups: dict[tuple[object, ...], list[Newcomer]] = {}
    for one in newcomers:
        owner = one.scope.as_dict()["tenant"] if one.kind == "principal" else None
        cause = (one.scope,) if one.kind == "model" else (one.kind, owner, one.first)
        groups.setdefault(cause, []).append(one)
    return groups.values()


def _follow(group: Sequence[Newcomer], told: Iterable[Incident], signature: Signature) -> Iterator[Event]:
    """What is due of newcomers with one cause."""
    known = next((one for one in told if _is_of(one, group[0])), None)
    here = next((one for one in told if one.is_open and one.opened.scope == _scope_of(group)), None)
    if known is None and here is None:
        yield _tell(OPENED, group, None, signature)
    elif known is None and here is not None and _may_grow(here):
        yield _tell(UPDATED, group, here, signature)
    elif known is not None and _may_grow(known) and len(group) >= WORSE * (known.last.affected or 1):
        yield _tell(UPDATED, group, known, signature)


def _may_grow(known: Incident) -> bool:
    return known.is_open and not known.is_acknowledged and known.updates < MAX_UPDATES


def _scope_of(group: Sequence[Newcomer]) -> Scope:
    """What an incident of them names: several tenants none, several keys their tenant."""
    if len(group) == 1:
        return group[0].scope
    return Scope() if group[0].kind == "tenant" else Scope.of({"tenant": group[0].scope.as_dict()["tenant"]})


def _is_of(incident: Incident, one: Newcomer) -> bool:
    """Whether it is about a newcomer: by its scope; of several tenants by day, of keys by tenant and day."""
    named, mine = incident.opened.scope.as_dict(), one.scope.as_dict()
    if incident.opened.scope == one.scope:
        return True
    if one.kind == "tenant":
        of_several = not named
    else:
        of_several = one.kind == "principal" and "model" not in named and named == {**named, "tenant": mine["tenant"]}
    return of_several and incident.opened.window_start.date() <= one.first <= incident.last.window_start.date()


def _tell(kind: str, group: Sequence[Newcomer], known: Incident | None, signature: Signature) -> Event:
    first = group[0]
    now = signature.recorded_at.replace(second=0, microsecond=0)
    start = datetime.combine(first.first, time(), UTC)
    several = len(group) > 1
    scope = _scope_of(group)
    spent, spent_usd = pa.concat_tables(one.spent for one in group), sum((one.spent_usd for one in group), ZERO)
    who = f"{len(group)} new {first.kind}s" if several else f"a new {first.kind}"
    have = f"{'have' if several else 'has'} spent {dollars(spent_usd)}"
    hours = Decimal(max((now - start) / timedelta(hours=1), 1.0))
    return next_event(
        kind,
        NEWCOMER,
        known.opened.scope if known else scope,
        signature,
        window=(max(start, known.last.window_start) if known else start, now),
        known=known,
        observed_usd=spent_usd,
        excess_usd_per_hour=(spent_usd / hours).quantize(MICRODOLLAR),
        more={
            "contributors": explain(spent, spent, ZERO, [name for name in CAUSES if name not in scope.as_dict()]),
            "summary": f"{scope}: {who}, first seen on {first.first}, {have}",
            "affected": len(group),
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
        and incident.opened.signal in COUNTS_AS_TOLD.get(one.kind, (incident.opened.signal,))
    )
