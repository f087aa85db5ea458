"""What a notification says: who, what and why, in money.

>>> print(dollars(Decimal("12.4")))
$12.40
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from alerts.advice import advise
from alerts.explain import share
from alerts.health.words import amount
from alerts.incidents import RESOLVED, UNATTRIBUTED, Contributor, Event, Scope

NAMED_DIMENSIONS = ("tenant", "model", "principal")  # the feature is in the scope, or all of them are
SAID = {
    "calls": "more calls than usual",
    "tokens_per_call": "more input tokens a call than usual",
    "unit_price": "dearer than before",
}
MINUTE, HOURS_FROM = timedelta(minutes=1), timedelta(hours=2)
NAMED_SHARE = 0.5
WHOLE_DOLLARS = Decimal(100)
CENT = Decimal("0.01")


def dollars(amount: Decimal) -> str:
    """``$0.0031``, ``$12.40``, ``$1,240``: three or more digits that count."""
    size = abs(amount)
    sign = "-" if amount < 0 else ""
    if size >= WHOLE_DOLLARS:
        return f"{sign}${size:,.0f}"
    if size >= CENT or not size:
        return f"{sign}${size:,.2f}"
    return f"{sign}${size:.2g}"


def signed(amount: Decimal) -> str:
    """Dollars with their sign."""
    return dollars(amount) if amount < 0 else f"+{dollars(amount)}"


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
) -> str:
    """One line: ``acme / chat: $12.40 in 15 min, expected $1.10 (+$11.30, $45.20/h); 93 % from model gpt-x``."""
    excess = observed_usd - expected_usd
    ending = ", over" if event == RESOLVED else ""
    amounts = (
        f"{dollars(observed_usd)} in {_length(window)}, expected {dollars(expected_usd)} "
        f"({signed(excess)}, {dollars(excess_usd_per_hour)}/h{ending})"
    )
    others = [one for one in contributors if one.dimension not in scope.as_dict()]
    parts = [amounts, SAID.get(signal, ""), name_causes(others, excess)]
    return f"{scope}: {'; '.join(part for part in parts if part)}"


def _length(window: timedelta) -> str:
    return f"{window / timedelta(hours=1):.0f} h" if window >= HOURS_FROM else f"{math.ceil(window / MINUTE)} min"


def details(event: Event) -> dict[str, str]:
    """Amounts and cause by name, as services show them beside a summary."""
    return {**_amounts(event), "incident_id": event.incident_id, **advise(event.signal)}


def _amounts(event: Event) -> dict[str, str]:
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


def as_lines(event: Event) -> list[str]:
    """The event as lines of plain text: what happened, since when, who contributes."""
    return [
        event.summary or str(event.scope),
        f"{event.event}, {event.severity}, open since {event.opened_at.isoformat()}",
        *(f"  {one.dimension} {one.value or UNATTRIBUTED}: {_part(event, one)}" for one in event.contributors),
        f"incident {event.incident_id}",
    ]


def _part(event: Event, part: Contributor) -> str:
    return signed(part.excess_usd) if event.measured is None else f"{part.calls:,} of them"


def name_causes(contributors: Sequence[Contributor], excess_usd: Decimal) -> str:
    """The first value of each dimension that explains half of the excess or more, with its share."""
    named: list[tuple[int, str]] = []
    for dimension in NAMED_DIMENSIONS:
        part = next((part for part in contributors if part.dimension == dimension), None)
        if part is not None and share(part, excess_usd) >= NAMED_SHARE:
            percent = min(round(share(part, excess_usd) * 100), 100)
            named.append((percent, f"{dimension} {part.value or UNATTRIBUTED}"))
    if len({percent for percent, _ in named}) == 1:
        return f"{named[0][0]} % from " + ", ".join(text for _, text in named)
    return ", ".join(f"{percent} % from {text}" for percent, text in named)
