"""What a notification says: who, what and why, in money."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

from alerts.advice import advise
from alerts.amounts import dollars, signed
from alerts.explain import share
from alerts.health.words import amount, percent
from alerts.incidents import RESOLVED, UNATTRIBUTED, Contributor, Event, Scope
from alerts.parts import Factor
from alerts.why import say_why

NAMED_DIMENSIONS = ("tenant", "model", "principal", "prompt_version", "route")
"""The feature is in the scope, or all of them are."""
SAID = {
    "calls": "more calls than usual",
    "tokens_per_call": "more input tokens a call than usual",
    "unit_price": "dearer than before",
}
MINUTE, HOURS_FROM = timedelta(minutes=1), timedelta(hours=2)
NAMED_SHARE = 0.5


def page_of(event: Event, dashboard_url: str) -> str:
    """Address of the page of an incident."""
    return f"{dashboard_url.rstrip('/')}/incidents?incident={quote(event.incident_id)}"


def summarise(
    event: str,
    scope: Scope,
    *,
    signal: str,
    window: timedelta,
    observed_usd: Decimal,
    expected_usd: Decimal,
    excess_usd_per_hour: Decimal,
    contributors: Sequence[Contributor],
    factors: Sequence[Factor] = (),
    rise: float = 0.0,
) -> str:
    """One line: who, how much, why, from whom. ``rise``: the share by which a price is higher than before, if it is.

    ``acme / chat: $12.40 in 15 min, expected $1.10 (+$11.30, $45.20/h); mostly volume: 3.1× the calls; 93 % from model
    gpt-x``
    """
    excess = observed_usd - expected_usd
    ending = ", over" if event == RESOLVED else ""
    amounts = (
        f"{dollars(observed_usd)} in {_length(window)}, expected {dollars(expected_usd)} "
        f"({signed(excess)}, {dollars(excess_usd_per_hour)}/h{ending})"
    )
    others = [one for one in contributors if one.dimension not in scope.as_dict()]
    why = f"paid {percent(rise)} more per token than before" if rise else say_why(factors, excess)
    parts = [amounts, why or SAID.get(signal, ""), name_causes(others, excess)]
    return f"{scope}: {'; '.join(part for part in parts if part)}"


def _length(window: timedelta) -> str:
    return f"{window / timedelta(hours=1):.0f} h" if window >= HOURS_FROM else f"{math.ceil(window / MINUTE)} min"


def details(event: Event, runbooks_url: str | None = None) -> dict[str, str]:
    """Amounts and cause by name, as services show them beside a summary, and what to do."""
    why = {} if event.measured is not None else {name: said for name, said in reasons(event).items() if said}
    data = {"data": how_complete(event)} if event.complete_until else {}
    return {**amounts(event), **why, **data, "incident_id": event.incident_id, **advise(event.signal, runbooks_url)}


def how_complete(event: Event) -> str:
    """``complete until 09:05:20 UTC, 12 s before it was judged``."""
    if event.complete_until is None:
        return ""
    behind = max((event.recorded_at - event.complete_until) / timedelta(seconds=1), 0.0)
    return f"complete until {event.complete_until.astimezone(UTC):%H:%M:%S} UTC, {behind:,.0f} s before it was judged"


def amounts(event: Event) -> dict[str, str]:
    """How much, how much it usually is, and of whom; of health shares, times and how often."""
    if event.measured is not None and event.usual is not None:
        measured, usual = (amount(event.signal, value) for value in (event.measured, event.usual))
        return {"observed": measured, "expected": usual, "affected": f"{event.affected:,}"}
    return {
        "observed": dollars(event.observed_usd),
        "expected": dollars(event.expected_usd),
        "excess": dollars(event.excess_usd),
        "excess_per_hour": dollars(event.excess_usd_per_hour),
        "cause": name_causes(event.contributors, event.excess_usd),
    }


def reasons(event: Event) -> dict[str, str]:
    """Why, what is new, and where to look, in words; empty where nobody knows."""
    new = [f"{spaced(one.dimension)} {one.value}, first seen {when(one.first_seen_at)}" for one in event.changes]
    return {
        "why": say_why(event.factors, event.excess_usd),
        "new": "; ".join(new),
        "traces": ", ".join(one.trace_id for one in event.samples),
    }


def spaced(dimension: str) -> str:
    """The dimension as words."""
    return dimension.replace("_", " ")


def when(time: datetime) -> str:
    """``2026-11-23 09:05 UTC``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def as_lines(event: Event, runbooks_url: str | None = None) -> list[str]:
    """The event as lines of plain text: what happened, since when, who contributes, what to do."""
    return [
        event.summary or str(event.scope),
        f"{event.event}, {event.severity}, open since {event.opened_at.isoformat()}",
        *([f"data: {how_complete(event)}"] if event.complete_until else []),
        *(f"{name}: {said}" for name, said in reasons(event).items() if said and name != "why"),  # the summary has it
        *(f"  {spaced(one.dimension)} {one.value or UNATTRIBUTED}: {_part(event, one)}" for one in beyond(event)),
        *(f"{name}: {said}" for name, said in advise(event.signal, runbooks_url).items()),
        f"incident {event.incident_id}",
    ]


def _part(event: Event, part: Contributor) -> str:
    return signed(part.excess_usd) if event.measured is None else f"{part.calls:,} of them"


def beyond(event: Event) -> list[Contributor]:
    """The contributors that the scope does not name itself."""
    named = event.scope.as_dict()
    return [one for one in event.contributors if one.dimension not in named]


def name_causes(contributors: Sequence[Contributor], excess_usd: Decimal) -> str:
    """The first value of each dimension that explains half of the excess or more, with its share."""
    named: list[tuple[int, str]] = []
    for dimension in NAMED_DIMENSIONS:
        part = next((part for part in contributors if part.dimension == dimension), None)
        if part is not None and share(part, excess_usd) >= NAMED_SHARE:
            percent = min(round(share(part, excess_usd) * 100), 100)
            named.append((percent, f"{spaced(dimension)} {part.value or UNATTRIBUTED}"))
    if len({percent for percent, _ in named}) == 1:
        return f"{named[0][0]} % from " + ", ".join(text for _, text in named)
    return ", ".join(f"{percent} % from {text}" for percent, text in named)
