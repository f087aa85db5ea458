"""Does the lake agree with the simulator's truth? A pure comparison, to the span, the token and the picodollar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from alerts.health.table import HEALTH
from ingest.simulator import IncidentTruth, Truth
from ingest.simulator.truth import TOKEN_KINDS

NOTICED_WITHIN = timedelta(minutes=10)
"""An incident of the lake belongs to one of the truth that began at most so long before it opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the verdict."""

    name: str
    expected: Any
    found: Any

    @property
    def agrees(self) -> bool:
        """Equal, money and counts alike; there is no tolerance."""
        return bool(self.expected == self.found)

    def line(self) -> str:
        """One line for a person."""
        if self.agrees:
            return f"  agrees   {self.name:45s} {_short(self.expected)}"
        return f"  DIFFERS  {self.name:45s} {_short(self.expected)}, found {_short(self.found)}"

    def plain(self) -> dict[str, Any]:
        """The check as JSON has it: money as text."""
        return {"name": self.name, "agrees": self.agrees, "expected": plain(self.expected), "found": plain(self.found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the lake says: rows of ``integrity``, ``spend``, ``outcomes`` and ``incidents`` (all) as dictionaries."""

    integrity: Mapping[str, Any]
    total: Mapping[str, Any]
    by: Sequence[Mapping[str, Any]]  # spend by tenant, feature, model
    routes: Sequence[Mapping[str, Any]]  # spend by route
    outcomes: Sequence[Mapping[str, Any]]
    incidents: Sequence[Mapping[str, Any]]


def compare(truth: Truth, measured: Measured) -> list[Check]:
    """All checks; the demo passes when every one agrees."""
    return [
        Check(name="spans", expected=truth.spans, found=measured.integrity["distinct_spans"]),
        Check(name="rows of spans", expected=truth.spans, found=measured.integrity["spans"]),
        Check(name="billable calls", expected=truth.calls, found=measured.integrity["billable_spans"]),
        Check(name="calls by usage", expected=truth.calls, found=measured.integrity["usage_calls"]),
        Check(name="dropped", expected=0, found=measured.integrity["dropped"]),
        *(
            Check(name=kind.replace("_", " "), expected=truth.tokens[kind], found=measured.total[kind] or 0)
            for kind in TOKEN_KINDS
        ),
        Check(name="priced calls", expected=truth.priced_calls, found=measured.total["priced_calls"]),
        Check(name="cost by usage, USD", expected=truth.cost_usd, found=measured.total["cost_usd"]),
        Check(name="cost by spans, USD", expected=truth.cost_usd, found=measured.integrity["spans_cost_usd"]),
        Check(name="lines that differ by tenant, feature, model", expected=[], found=differing(truth, measured.by)),
        Check(name="calls by route", expected=dict(truth.routes), found=_routes(measured.routes)),
        Check(name="tasks that succeeded or not", expected=_said(truth.outcomes), found=_told(measured, "success")),
        Check(name="tasks judged safe or not", expected=_said(truth.safe), found=_told(measured, "safe")),
        *incident_checks(truth, measured.incidents),
    ]


def _routes(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    return {row["route"]: row["calls"] for row in rows if row["route"] is not None}


def _said(counts: Mapping[str, int]) -> int:
    """How many tasks tell."""
    return sum(count for word, count in counts.items() if word != "unknown")


def _told(measured: Measured, name: str) -> int:
    return sum(row["outcomes"] for row in measured.outcomes if row["name"] == name)


def differing(truth: Truth, by: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines of which calls, tokens or cost differ, each as text."""
    wanted = {
        (line.tenant, line.feature, line.model): (line.calls, line.cost_usd, *_tokens(line.tokens)) for line in truth.by
    }
    found = {
        (row["tenant"], row["feature"], row["model"]): (row["calls"], row["cost_usd"], *_tokens(row)) for row in by
    }
    keys = sorted(wanted.keys() | found.keys(), key=str)
    return [f"{key}: {wanted.get(key)} != {found.get(key)}" for key in keys if wanted.get(key) != found.get(key)]


def incident_checks(truth: Truth, incidents: Sequence[Mapping[str, Any]]) -> list[Check]:
    """Every incident of the truth was opened where and when it happened, exactly once, and nothing else was.

    What health says of it beside (a loop of answers that do not parse is both) is not counted.
    """
    scopes = {(incident.tenant, incident.feature) for incident in truth.incidents}
    rest = [row for row in incidents if (row["tenant"], row["feature"]) in scopes]
    checks = []
    for incident in truth.incidents:
        told = [row for row in rest if _is_of(row, incident)]
        own = [row for row in told if row.get("signal") not in HEALTH]
        rest = [row for row in rest if row not in told]
        name = f"{incident.kind} of {incident.tenant}/{incident.feature}: times opened"
        checks.append(Check(name=name, expected=1, found=len(own)))
    others = [row for row in incidents if (row["tenant"], row["feature"]) not in scopes]
    return [
        *checks,
        Check(name="incidents there at another time", expected=[], found=sorted(map(_opening, rest))),
        Check(name="incidents elsewhere", expected=[], found=sorted(map(_opening, others))),
    ]


def plain(value: Any) -> Any:
    """A value as JSON has it: money as text."""
    return f"{value:f}" if isinstance(value, Decimal) else value


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)}" + (f", first: {value[0]}" if value else "")
    return str(plain(value))


def _tokens(counts: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(counts.get(kind) or 0 for kind in TOKEN_KINDS)


def _is_of(row: Mapping[str, Any], incident: IncidentTruth) -> bool:
    """Whether an incident of the lake can be this one of the truth."""
    scope = (incident.tenant, incident.feature)
    return (row["tenant"], row["feature"]) == scope and _in_time(row["opened_at"], incident.started_at)


def _opening(row: Mapping[str, Any]) -> str:
    return f"{row['tenant']}/{row['feature']} at {row['opened_at']:%Y-%m-%d %H:%M}"


def _in_time(opened_at: datetime, started_at: datetime) -> bool:
    return timedelta(minutes=-1) <= opened_at - started_at <= NOTICED_WITHIN
