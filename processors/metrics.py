"""What the worker counts and measures about itself (OpenTelemetry; served for Prometheus on loopback)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from opentelemetry import metrics

SECONDS_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds of a histogram of seconds; OpenTelemetry's own are meant for milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One metric: its name, kind (counter, gauge, histogram), unit and meaning."""

    name: str
    kind: str
    unit: str
    help: str


INSTRUMENTS = (
    Instrument(name="spanledger_worker_received_messages", kind="counter", unit="{message}",
               help="Messages taken from Kafka, by topic."),
    Instrument(name="spanledger_worker_received_bytes", kind="counter", unit="By",
               help="Payload bytes taken from Kafka, by topic."),
    Instrument(name="spanledger_worker_processed_spans", kind="counter", unit="{span}",
               help="Spans committed to the lake."),
    Instrument(name="spanledger_worker_billable_spans", kind="counter", unit="{span}",
               help="Committed spans that are billed."),
    Instrument(name="spanledger_worker_outcomes", kind="counter", unit="{outcome}",
               help="Outcomes committed to the lake, by topic."),
    Instrument(name="spanledger_worker_ignored_log_records", kind="counter", unit="{record}",
               help="Log records that tell no outcome."),
    Instrument(name="spanledger_worker_dropped", kind="counter", unit="{record}",
               help="Dead letters and dropped spans, by reason."),
    Instrument(name="spanledger_worker_repaired_spans", kind="counter", unit="{span}",
               help="Committed spans whose token counts were repaired or refused, by rule."),
    Instrument(name="spanledger_worker_hidden_names", kind="counter", unit="{name}",
               help="Names that were replaced by their hash, by rule; their rows stand."),
    Instrument(name="spanledger_worker_lost_messages", kind="counter", unit="{message}",
               help="Offsets that Kafka no longer had when the worker came to them, by partition."),
    Instrument(name="spanledger_worker_flushes", kind="counter", unit="{flush}",
               help="Flushes by outcome: committed, had, unavailable."),
    Instrument(name="spanledger_worker_flush_seconds", kind="histogram", unit="s",
               help="Time of one flush from decode to the last commit."),
    Instrument(name="spanledger_worker_lag_messages", kind="gauge", unit="{message}",
               help="Messages between the committed offset and the end of the topic, by partition."),
    Instrument(name="spanledger_worker_freshness_seconds", kind="gauge", unit="s",
               help="Age of the newest committed record at its commit, by partition."),
    Instrument(name="spanledger_worker_pending_bytes", kind="gauge", unit="By",
               help="Payload bytes that wait for a flush."),
    Instrument(name="spanledger_worker_held_bytes", kind="gauge", unit="By",
               help="Bytes of messages taken from Kafka and not acknowledged, 4 KiB added for each; small spans count "
                    "as `worker.flush_bytes` by `worker.flush_spans`."),
    Instrument(name="spanledger_worker_pauses", kind="counter", unit="{pause}",
               help="Times that the partitions were paused because 1.5 flushes were in hand, by bytes or by spans."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkerMetrics:
    """The instruments by name; recording goes to whatever meter provider the process has."""

    by_name: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        meter = metrics.get_meter("spanledger.worker")
        make: dict[str, Callable[..., object]] = {
            "counter": meter.create_counter,
            "gauge": meter.create_gauge,
            "histogram": partial(meter.create_histogram, explicit_bucket_boundaries_advisory=SECONDS_BOUNDS),
        }
        for row in INSTRUMENTS:
            self.by_name[row.name] = make[row.kind](row.name, unit=row.unit, description=row.help)

    def count(self, name: str, amount: int, **labels: str) -> None:
        """Add to a counter."""
        if amount:
            self.by_name[f"spanledger_worker_{name}"].add(amount, labels)  # type: ignore[attr-defined]

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self.by_name[f"spanledger_worker_{name}"].set(value, labels)  # type: ignore[attr-defined]

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Record into a histogram."""
        self.by_name[f"spanledger_worker_{name}"].record(value, labels)  # type: ignore[attr-defined]
