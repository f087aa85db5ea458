"""What the gateway counts about itself; the README's metrics table is this one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

ACK_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One instrument: its name without the suffixes that Prometheus adds, kind, unit and help."""

    name: str
    kind: str
    unit: str
    help: str


REQUESTS = Metric(
    name="spanledger_gateway_requests",
    kind="counter",
    unit="1",
    help="Requests by signal, protocol and outcome (accepted, partial, empty, refused).",
)
REFUSED = Metric(
    name="spanledger_gateway_refused", kind="counter", unit="1", help="Refused requests by protocol and reason."
)
RECEIVED = Metric(
    name="spanledger_gateway_received",
    kind="counter",
    unit="By",
    help="Bytes acknowledged, after decompression, by signal.",
)
ITEMS = Metric(
    name="spanledger_gateway_items",
    kind="counter",
    unit="1",
    help="Spans, data points, log records and outcomes acknowledged, by signal.",
)
REJECTED = Metric(
    name="spanledger_gateway_rejected_items",
    kind="counter",
    unit="1",
    help="Items answered as rejected in a partial success, by signal.",
)
IN_FLIGHT = Metric(
    name="spanledger_gateway_in_flight",
    kind="gauge",
    unit="By",
    help="Bytes taken from clients that Kafka has not settled yet.",
)
ACK = Metric(
    name="spanledger_gateway_ack",
    kind="histogram",
    unit="s",
    help="Time from a request's last byte to Kafka's acknowledgement.",
)
METRICS = (REQUESTS, REFUSED, RECEIVED, ITEMS, REJECTED, IN_FLIGHT, ACK)


class Counted:
    """A counter that is read when somebody asks: a request adds to four, and an instrument's own add takes 10 µs."""

    def __init__(self, meter: Meter, metric: Metric) -> None:
        self._values: Counter[tuple[tuple[str, str], ...]] = Counter()
        meter.create_observable_counter(metric.name, [self._observe], metric.unit, metric.help)

    def add(self, amount: int, **labels: str) -> None:
        """Count so many more."""
        self._values[tuple(labels.items())] += amount

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value, dict(labels)) for labels, value in self._values.copy().items()]


class Meters:
    """The instruments of METRICS."""

    def __init__(self, *, in_flight_bytes: Callable[[], int], meter: Meter | None = None) -> None:
        meter = meter or get_meter("spanledger.gateway")
        self._requests = Counted(meter, REQUESTS)
        self._refused = Counted(meter, REFUSED)
        self._received = Counted(meter, RECEIVED)
        self._items = Counted(meter, ITEMS)
        self._rejected = Counted(meter, REJECTED)
        self._ack = meter.create_histogram(
            ACK.name, ACK.unit, ACK.help, explicit_bucket_boundaries_advisory=list(ACK_SECONDS)
        )

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            yield Observation(in_flight_bytes())

        meter.create_observable_gauge(IN_FLIGHT.name, [observe], IN_FLIGHT.unit, IN_FLIGHT.help)

    def count_accepted(self, *, signal: str, protocol: str, body_bytes: int, items: int, rejected: int) -> None:
        """A request was acknowledged: whole, in part, or with nothing in it."""
        outcome = "partial" if rejected else "accepted" if items else "empty"
        self._requests.add(1, signal=signal, protocol=protocol, outcome=outcome)
        self._received.add(body_bytes, signal=signal)
        self._items.add(items - rejected, signal=signal)
        if rejected:
            self._rejected.add(rejected, signal=signal)

    def count_refused(self, *, signal: str, protocol: str, reason: str) -> None:
        """A request was refused."""
        self._requests.add(1, signal=signal, protocol=protocol, outcome="refused")
        self._refused.add(1, protocol=protocol, reason=reason)

    def record_ack(self, seconds: float) -> None:
        """Kafka took so long to acknowledge."""
        self._ack.record(seconds)
