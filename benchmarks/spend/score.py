"""How well notifications find the incidents of a world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from benchmarks.spend.lanes import MINUTES, TENANTS, WEEK
from benchmarks.spend.plans import DIMENSIONS, Incident
from benchmarks.spend.world import to_minute

GRACE = 30
"""Minutes after an incident in which a notification is still about it."""
MATTERS_USD = 1.0
NAMED = 3
"""Contributors that are looked at, as people do."""
Notice = Mapping[str, Any]
"""A line of ``spanledger alerts backtest``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An incident and the first notification that is about it; ``after`` is minutes from its start, None = never."""

    incident: Incident
    after: int | None = None
    named: bool = False

    @property
    def ahead_usd(self) -> float:
        """Excess that was still to come when it was told."""
        return 0.0 if self.after is None else float(self.incident.excess[self.after :].sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Of one world or of several; ``false`` are notifications about nothing, ``again`` about what was told before."""

    found: tuple[Found, ...]
    notices: int
    false: int
    again: int
    worlds: int = 1

    def __add__(self, other: Score) -> Score:
        return Score(
            found=self.found + other.found,
            notices=self.notices + other.notices,
            false=self.false + other.false,
            again=self.again + other.again,
            worlds=self.worlds + other.worlds,
        )

    @property
    def false_per_tenant_week(self) -> float:
        """What a false-alert budget is about."""
        return self.false / (self.worlds * TENANTS * MINUTES / WEEK)

    def figures(self) -> dict[str, float]:
        """What is reported; times are minutes, shares are of 1."""
        matter = [one for one in self.found if one.incident.usd >= MATTERS_USD]
        told = [one for one in matter if one.after is not None]
        times = [one.after for one in told if one.after is not None] or [np.nan]
        dollars = sum(one.incident.usd for one in self.found)
        return {
            "recall": len(told) / max(len(matter), 1),
            "dollars_found": sum(one.incident.usd for one in self.found if one.after is not None) / dollars,
            "dollars_ahead": sum(one.ahead_usd for one in self.found) / dollars,
            "precision": 1 - self.false / max(self.notices, 1),
            "minutes_median": float(np.median(times)),
            "minutes_p90": float(np.quantile(times, 0.9)),
            "named": sum(one.named for one in told) / max(len(told), 1),
            "false_per_tenant_week": self.false_per_tenant_week,
            "again_per_incident": self.again / max(len(told), 1),
        }

    def recall_of(self) -> dict[str, tuple[int, int]]:
        """By kind: found and all of those that matter."""
        kinds: dict[str, tuple[int, int]] = {}
        for one in self.found:
            if one.incident.usd >= MATTERS_USD:
                found, known = kinds.get(one.incident.kind, (0, 0))
                kinds[one.incident.kind] = (found + (one.after is not None), known + 1)
        return dict(sorted(kinds.items()))


def score(incidents: Sequence[Incident], notices: Iterable[Notice]) -> Score:
    """Match notifications with incidents, in order of time."""
    told = sorted(notices, key=lambda notice: notice["opened_at"])
    firsts: dict[int, Notice] = {}
    false = again = 0
    for notice in told:
        about = [place for place, one in enumerate(incidents) if _is_about(notice, one)]
        new = [place for place in about if place not in firsts]
        firsts |= dict.fromkeys(new, notice)
        false += not about
        again += bool(about) and not new
    found = tuple(
        Found(incident=one, after=_minute(firsts[place]) - one.first, named=_names(firsts[place], one))
        if place in firsts
        else Found(incident=one)
        for place, one in enumerate(incidents)
    )
    return Score(found=found, notices=len(told), false=false, again=again)


def _minute(notice: Notice) -> int:
    """The first minute after the one at whose end it was sent."""
    opened = notice["opened_at"]
    return to_minute(datetime.fromisoformat(opened) if isinstance(opened, str) else opened) + 1


def _is_about(notice: Notice, incident: Incident) -> bool:
    """Whether it came in time, no value of its scope is another, and it names the tenant, or of many the cause."""
    if not incident.first < _minute(notice) <= incident.last + GRACE:
        return False
    if any(notice.get(name) is not None and notice[name] not in incident.touched[name] for name in DIMENSIONS):
        return False
    return len(incident.touched["tenant"]) == 1 or _names(notice, incident)


def _names(notice: Notice, incident: Incident) -> bool:
    """Whether its scope, or one of its first contributors, names a cause."""
    said = [notice, *notice.get("contributors", [])[:NAMED]]
    return any(one.get(dimension) == value and value is not None for one in said for dimension, value in incident.cause)
