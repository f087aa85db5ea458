"""Events to test with."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from alerts.incidents import (
    OPENED,
    SIGNAL_SPEND,
    Contributor,
    Event,
    Scope,
    hash_id,
    incident_id,
)
from alerts.parts import Change, Factor, Sample
from tests.alerts.workload import START

MINUTE = timedelta(minutes=1)
CAUSE = Contributor(
    dimension="model",
    value="opus",
    observed_usd=Decimal("11.1"),
    expected_usd=Decimal("0.1"),
    excess_usd=Decimal("11.0"),
    calls=40,
)


def opened(*, tenant: str | None = "acme", feature: str | None = "chat", at: datetime = START) -> Event:
    """The opening of an incident of 11.30 USD in a quarter of an hour."""
    incident = incident_id(Scope.of({"tenant": tenant, "feature": feature}), SIGNAL_SPEND, at)
    return Event(
        event_id=hash_id(incident, OPENED, 0),
        incident_id=incident,
        sequence=0,
        event=OPENED,
        recorded_at=at + MINUTE,
        opened_at=at,
        window_start=at - 14 * MINUTE,
        window_end=at + MINUTE,
        tenant=tenant,
        feature=feature,
        signal=SIGNAL_SPEND,
        severity="warning",
        observed_usd=Decimal("12.4"),
        expected_usd=Decimal("1.1"),
        excess_usd=Decimal("11.3"),
        excess_usd_per_hour=Decimal("45.2"),
        contributors=(CAUSE,),
        summary="acme / chat: $12.40 in 15 min",
        actor="worker-1",
    )


def follow(event: Event, kind: str, *, after: timedelta = MINUTE) -> Event:
    """The next event of the same incident, twice as bad."""
    return replace(
        event,
        event=kind,
        event_id=hash_id(event.incident_id, kind, event.sequence + 1),
        sequence=event.sequence + 1,
        recorded_at=event.recorded_at + after,
        window_end=event.window_end + after,
        observed_usd=2 * event.observed_usd,
        excess_usd=2 * event.observed_usd - event.expected_usd,
    )


def explained(event: Event) -> Event:
    """The same, of which is known why, what is new, and where to look."""
    return replace(
        event,
        factors=(
            Factor(factor="calls", excess_usd=Decimal(9), observed=120, expected=40),
            Factor(factor="input_tokens_per_call", excess_usd=Decimal("2.3"), observed=1200, expected=1000),
        ),
        changes=(
            Change(
                dimension="principal",
                value="key-7",
                first_seen_at=event.opened_at - 2 * MINUTE,
                calls=80,
                cost_usd=Decimal(8),
            ),
        ),
        samples=(
            Sample(
                trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
                ended_at=event.opened_at,
                model="opus",
                cost_usd=Decimal("0.4"),
            ),
        ),
    )
