"""Events as whoever decides makes them: the next of an incident, its end, and what is kept from people.

One builder for all: ids, numbers and the columns of the scope follow from what is known of the incident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from alerts.incidents import BARE, HUSHED, RESOLVED, SCOPED_BY, Event, Incident, Scope, hash_id, incident_id

WARNING, CRITICAL = "warning", "critical"
MICRODOLLAR = Decimal("0.000001")
ZERO = Decimal(0)
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who decides, when, from which excess on it is critical, and up to when everything had come by then."""

    actor: str
    recorded_at: datetime
    critical_usd: float
    complete_until: datetime | None = None


def next_event(
    kind: str,
    signal: str,
    scope: Scope,
    signature: Signature,
    *,
    window: tuple[datetime, datetime],
    opened_at: datetime | None = None,
    known: Incident | None = None,
    identity: str | None = None,
    severity: str = WARNING,
    observed_usd: Decimal = ZERO,
    expected_usd: Decimal = ZERO,
    excess_usd_per_hour: Decimal = ZERO,
    more: Mapping[str, Any] = NOTHING,
) -> Event:
    """The next event of a ``known`` incident, or the first of one that opens at ``opened_at`` (default: now).

    ``identity``: the id of a new one whose scope does not tell it apart; ``more``: other columns, by name.
    """
    start, end = window
    opened_at = known.opened.opened_at if known else opened_at or signature.recorded_at.replace(second=0, microsecond=0)
    identity = known.opened.incident_id if known else identity or incident_id(scope, signal, opened_at)
    sequence = known.last.sequence + 1 if known else 0
    named = scope.as_dict()
    whose: Mapping[str, Any] = {name: named.get(name) for name in SCOPED_BY}
    return Event(
        event_id=hash_id(identity, kind, sequence),
        incident_id=identity,
        sequence=sequence,
        event=kind,
        recorded_at=signature.recorded_at,
        opened_at=opened_at,
        window_start=start,
        window_end=max(end, start),
        **whose,
        scoped_by=tuple(named),
        signal=signal,
        severity=severity,
        observed_usd=observed_usd,
        expected_usd=expected_usd,
        excess_usd=observed_usd - expected_usd,
        excess_usd_per_hour=excess_usd_per_hour,
        actor=signature.actor,
        complete_until=signature.complete_until,
        **more,
    )


def end_of(incident: Incident, said: str, signature: Signature, note: str | None = None) -> Event:
    """The end of what nothing more is known of."""
    last, sequence = incident.last, incident.last.sequence + 1
    return replace(
        last,
        event_id=hash_id(last.incident_id, RESOLVED, sequence),
        sequence=sequence,
        event=RESOLVED,
        recorded_at=signature.recorded_at,
        **BARE,
        summary=said,
        note=last.note if last.is_hushed else note,
        actor=signature.actor,
        complete_until=signature.complete_until,
    )


def hushed(event: Event, note: str = HUSHED) -> Event:
    """The event as it is kept from people: written down, sent to nobody."""
    return replace(event, note=note)
