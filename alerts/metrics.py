"""What the alerts count about themselves."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry import metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One row of the metrics table."""

    name: str
    kind: str  # counter, gauge, histogram
    unit: str
    help: str


SECONDS_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds of a histogram of seconds; OpenTelemetry's own are meant for milliseconds."""

INSTRUMENTS = (
    Instrument(name="spanledger_alerts_events", kind="counter", unit="1", help="Incident events committed, by event."),
    Instrument(
        name="spanledger_alerts_deliveries",
        kind="counter",
        unit="1",
        help="Deliveries by channel and outcome: taken, refused, given_up.",
    ),
    Instrument(
        name="spanledger_alerts_conflicts",
        kind="counter",
        unit="1",
        help="Decisions that another worker had committed first; they were judged again.",
    ),
    Instrument(
        name="spanledger_alerts_outbox", kind="gauge", unit="1", help="Events that a channel has not taken yet."
    ),
    Instrument(
        name="spanledger_alerts_silence_reads",
        kind="counter",
        unit="1",
        help="Readings of an Alertmanager's silences, by channel and outcome: read, failed.",
    ),
    Instrument(name="spanledger_alerts_series", kind="gauge", unit="1", help="Series that are judged."),
    Instrument(name="spanledger_alerts_judge_seconds", kind="histogram", unit="s", help="Time of one judgement."),
)

_meter = metrics.get_meter("spanledger.alerts")
_rows = {row.name.removeprefix("spanledger_alerts_"): row for row in INSTRUMENTS}


def _counter(name: str) -> metrics.Counter:
    row = _rows[name]
    return _meter.create_counter(row.name, unit=row.unit, description=row.help)


events = _counter("events")
deliveries = _counter("deliveries")
conflicts = _counter("conflicts")
silence_reads = _counter("silence_reads")
outbox = _meter.create_gauge(_rows["outbox"].name, unit=_rows["outbox"].unit, description=_rows["outbox"].help)
series = _meter.create_gauge(_rows["series"].name, unit=_rows["series"].unit, description=_rows["series"].help)
judge_seconds = _meter.create_histogram(
    _rows["judge_seconds"].name,
    unit=_rows["judge_seconds"].unit,
    description=_rows["judge_seconds"].help,
    explicit_bucket_boundaries_advisory=SECONDS_BOUNDS,
)
