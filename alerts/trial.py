"""Events of a test message: an incident that opens and is over, and says that it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from alerts.incidents import OPENED, RESOLVED, SIGNAL_SPEND, Contributor, Event, Scope, hash_id, incident_id

SCOPE = Scope.of({"tenant": "test-tenant", "feature": "test-feature"})
MINUTE = timedelta(minutes=1)
SUMMARY = "This is a test of SpanLedger: no money was spent"
OBSERVED, EXPECTED = Decimal("12.40"), Decimal("1.10")


def trial_events(now: datetime) -> Sequence[Event]:
    """The opening and the end; ids are of their own each time."""
    incident = incident_id(SCOPE, f"test {now.isoformat()}", now)
    excess = OBSERVED - EXPECTED
    cause = Contributor(
        dimension="principal",
        value="test-key",
        observed_usd=OBSERVED,
        expected_usd=EXPECTED,
        excess_usd=excess,
        calls=1,
    )
    opened = Event(
        event_id=hash_id(incident, OPENED, 0),
        incident_id=incident,
        sequence=0,
        event=OPENED,
        recorded_at=now,
        opened_at=now,
        window_start=now - 15 * MINUTE,
        window_end=now,
        tenant=SCOPE.as_dict()["tenant"],
        feature=SCOPE.as_dict()["feature"],
        signal=SIGNAL_SPEND,
        severity="critical",
        observed_usd=OBSERVED,
        expected_usd=EXPECTED,
        excess_usd=excess,
        excess_usd_per_hour=4 * excess,
        contributors=(cause,),
        summary=SUMMARY,
    )
    over = replace(opened, event_id=hash_id(incident, RESOLVED, 1), sequence=1, event=RESOLVED)
    return opened, over
