"""From verdicts to events: decide what must be told, and put amounts and causes to it.

Pure: the same verdicts, usage and events so far give the same events, with the same ids. Verdicts are made of floats;
what is told is not: observed spend is the exact sum of the ledger, expected spend is rounded to a millionth of a
dollar, and their difference is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from alerts.explain import explain, total_usd
from alerts.incidents import OPENED, SIGNAL_SPEND, Event, Incident, Scope, hash_id, incident_id
from alerts.ledger import of_scope
from alerts.life import Decision, Rules, Timeline, decide, told
from alerts.record import Judged, to_time
from alerts.text import summarise

MICRODOLLAR = Decimal("0.000001")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CRITICAL_GATES = 10
"""An incident is critical if it opens with an excess of so many times the USD gate."""
WARNING, CRITICAL = "warning", "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the amounts and causes are computed from.

    ``usage``: the judged minutes by tenant, feature, model and principal; ``usage_before(scope, start)``: the same of
    one scope in the day before ``start``; ``watermark``: until when there can be any.
    """

    usage: pa.Table
    usage_before: Callable[[Scope, datetime], pa.Table]
    watermark: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who decides, when, and from which excess on an opening is critical."""

    actor: str
    recorded_at: datetime
    critical_usd: float


def draft_events(
    judged: Judged, incidents: Mapping[Scope, Incident], rules: Rules, evidence: Evidence, signature: Signature
) -> list[Event]:
    """The events that are due, by scope and in order of time."""
    known = {scope: incident for scope, incident in incidents.items() if incident.is_open}
    drafts: list[Event] = []
    for scope, line in judged.timelines(always=known).items():
        incident = incidents.get(scope)
        sequence = incident.last.sequence + 1 if incident and incident.is_open else 0
        severity = incident.opened.severity if incident and incident.is_open else None
        for decision in decide(told(incident) if incident else None, line, rules):
            if decision.event == OPENED:
                sequence, severity = 0, None
            event = _draft(scope, decision, line, evidence, signature)
            drafts.append(_number(event, sequence, severity))
            sequence, severity = sequence + 1, drafts[-1].severity
    return drafts


def _number(event: Event, sequence: int, severity: str | None) -> Event:
    identity = hash_id(event.incident_id, event.event, sequence)
    return replace(event, event_id=identity, sequence=sequence, severity=severity or event.severity)


def _draft(scope: Scope, decision: Decision, line: Timeline, evidence: Evidence, signature: Signature) -> Event:
    start, opened = to_time(max(decision.start, line.first_minute)), to_time(decision.opened)
    end = max(min(to_time(decision.end), evidence.watermark), start + MINUTE)  # its last minute may still fill
    rows = of_scope(_since(evidence.usage, start, to_time(decision.end)), scope)
    observed = total_usd(rows)
    expected = Decimal(repr(line.expected_usd(decision.start, decision.end))).quantize(MICRODOLLAR)
    excess = observed - expected
    per_hour = (excess * Decimal(HOUR / (end - start))).quantize(MICRODOLLAR)
    causes = explain(rows, evidence.usage_before(scope, start), expected)
    return Event(
        event_id="",
        incident_id=incident_id(scope, SIGNAL_SPEND, opened),
        sequence=0,
        event=decision.event,
        recorded_at=signature.recorded_at,
        opened_at=opened,
        window_start=start,
        window_end=end,
        tenant=scope.tenant,
        feature=scope.feature,
        signal=SIGNAL_SPEND,
        severity=CRITICAL if excess >= Decimal(signature.critical_usd) else WARNING,
        observed_usd=observed,
        expected_usd=expected,
        excess_usd=excess,
        excess_usd_per_hour=per_hour,
        contributors=causes,
        summary=summarise(
            decision.event,
            scope,
            minutes=math.ceil((end - start) / MINUTE),
            observed_usd=observed,
            expected_usd=expected,
            excess_usd_per_hour=per_hour,
            contributors=causes,
        ),
        actor=signature.actor,
    )


def _since(usage: pa.Table, start: datetime, end: datetime) -> pa.Table:
    minute = usage["minute"]
    return usage.filter(
        pc.and_(pc.greater_equal(minute, pa.scalar(start, minute.type)), pc.less(minute, pa.scalar(end, minute.type)))
    )
