"""Messages that wait for their flush: counted in messages, bytes and spans, so that memory stays bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from processors.decode import count_spans
from processors.messages import Message
from processors.settings import WorkerSettings

Receipt = TypeVar("Receipt")
Stream = tuple[str, int]
"""Topic and partition."""

SPAN_MARKS = (b"\x0a\x10", b'"traceId"', b'"trace_id"')
"""What starts a span on the wire (field 1, 16 bytes) and in JSON: counting them never counts too few."""


def spans_at_most(value: bytes) -> int:
    """The spans in a payload, or an upper bound at memory speed: it may only make a flush come early."""
    counted = count_spans(value)
    return max(1, sum(value.count(mark) for mark in SPAN_MARKS) if counted is None else counted)


class Arrival(NamedTuple):
    """When a message came, and its size."""

    at: float
    bytes: int
    spans: int


@dataclass(slots=True)
class Pending(Generic[Receipt]):
    """Messages by stream, ascending and without repeats, each with the receipts to acknowledge after its commit."""

    settings: WorkerSettings
    clock: Callable[[], float]  # seconds, monotonic
    messages: dict[Stream, dict[int, Message]] = field(default_factory=dict)
    receipts: dict[Stream, dict[int, list[Receipt]]] = field(default_factory=dict)
    count: int = 0
    bytes: int = 0
    spans: int = 0
    arrivals: dict[tuple[Stream, int], Arrival] = field(default_factory=dict)

    def add(self, arrived: Iterable[tuple[Message, Receipt]]) -> None:
        """Keep messages; one that arrives again (a rebalance) only adds its receipt."""
        for message, receipt in arrived:
            stream = (message.topic, message.partition)
            self.receipts.setdefault(stream, {}).setdefault(message.offset, []).append(receipt)
            kept = self.messages.setdefault(stream, {})
            if message.offset not in kept:
                kept[message.offset] = message
                arrival = Arrival(self.clock(), len(message.value), spans_at_most(message.value))
                self.arrivals[stream, message.offset] = arrival
                self._count(arrival, 1)

    @property
    def since(self) -> float | None:
        """When the message came that has waited longest; None = nothing waits."""
        first = next(iter(self.arrivals.values()), None)  # in the order of arrival
        return None if first is None else first.at

    @property
    def full(self) -> bool:
        """Whether size asks for a flush now."""
        return self._enough(self.bytes, self.spans)

    @property
    def due(self) -> bool:
        """Whether size or age asks for a flush now."""
        since = self.since
        return since is not None and (self.full or self.clock() - since >= self.settings.flush_seconds)

    def enough(self) -> dict[Stream, list[Message]]:
        """The messages of one flush by stream, ascending: those that came first, until size asks for no more."""
        counts: Counter[Stream] = Counter()
        size = spans = 0
        for (stream, _), arrival in self.arrivals.items():
            if self._enough(size, spans):
                break
            counts[stream] += 1
            size, spans = size + arrival.bytes, spans + arrival.spans
        return {stream: self._ascending(stream)[:count] for stream, count in counts.items()}

    def everything(self) -> dict[Stream, list[Message]]:
        """All messages by stream, ascending."""
        return {stream: self._ascending(stream) for stream, kept in self.messages.items() if kept}

    def _enough(self, size: int, spans: int) -> bool:
        return size >= self.settings.flush_bytes or spans >= self.settings.flush_spans

    def _ascending(self, stream: Stream) -> list[Message]:
        kept = self.messages.get(stream, {})
        return [kept[offset] for offset in sorted(kept)]

    def ends(self) -> dict[Stream, int]:
        """The offset after the last message of every stream."""
        return {stream: max(kept) + 1 for stream, kept in self.messages.items() if kept}

    def has_before(self, ends: Mapping[Stream, int]) -> bool:
        """Whether messages below these offsets still wait."""
        return any(min(kept) < ends.get(stream, 0) for stream, kept in self.messages.items() if kept)

    def release(self, stream: Stream, before: int) -> list[Receipt]:
        """Forget the messages below an offset and return their receipts, lowest first."""
        kept, owed = self.messages.get(stream, {}), self.receipts.get(stream, {})
        done = sorted(offset for offset in owed if offset < before)
        released: list[Receipt] = []
        for offset in done:
            released += owed.pop(offset)
            if kept.pop(offset, None) is not None:
                self._count(self.arrivals.pop((stream, offset)), -1)
        return released

    def clear(self) -> None:
        """Forget everything without acknowledging it: Kafka will deliver it again."""
        self.messages.clear()
        self.receipts.clear()
        self.arrivals.clear()
        self.count = self.bytes = self.spans = 0

    def _count(self, arrival: Arrival, sign: int) -> None:
        self.count += sign
        self.bytes += sign * arrival.bytes
        self.spans += sign * arrival.spans
