"""What a worker has in hand: messages taken from Kafka and not acknowledged yet, counted in bytes.

The count closes the intake before memory grows, however far ahead the producers are: messages are no measure, one may
hold 12 MiB. Where spans are small a flush is full by their number, not by its bytes, so a span counts as many bytes at
least as make the same share of a flush. It opens again below a lower mark. A message counts until it is acknowledged;
one that is thrown away unacknowledged, as in a rebalance, until ``recount`` looks which are left.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from processors.pending import spans_at_most

OVERHEAD_BYTES = 4096
"""Memory of a message beside its payload: record, message, event, receipts."""

REOPEN_AT = 0.75
"""Share of the limit: a flush lets go of two thirds of it, so that half of the next one is gathered while one runs."""


class Held(Protocol):
    """A message of Kafka's client."""

    @property
    def value(self) -> bytes | None:
        """Payload."""


M = TypeVar("M", bound=Held)


@dataclass(slots=True, kw_only=True)
class Intake(Generic[M]):
    """Closes where ``held`` reaches ``limit``; both in bytes, of which a span counts ``span_bytes`` at least."""

    limit: int
    span_bytes: int = 0
    on_close: Callable[[], None] = field(default=lambda: None)
    held: int = 0
    closed: bool = False
    _extra: int = 0
    _weights: weakref.WeakKeyDictionary[M, int] = field(default_factory=weakref.WeakKeyDictionary)

    def take(self, message: M) -> None:
        """Count a message."""
        self._weights[message] = weight = self._weigh(message)
        self.held += weight
        self._judge()

    def give(self, message: M) -> None:
        """Count a message no more; one that is not counted changes nothing."""
        if message in self._weights:
            self.held -= self._weights.pop(message)
            self._judge()

    def recount(self) -> None:
        """Count what is left: messages that nobody has kept are gone."""
        self.held = sum(list(self._weights.values()))
        self._judge()

    def widen(self) -> None:
        """Let as much again in, until the intake has opened by itself: what is in hand cannot be let go without more.

        A crash leaves ranges that must be flushed whole, and they may be larger than what one worker wants to hold.
        """
        self._extra = self.held
        self._judge()

    def _weigh(self, message: M) -> int:
        value = message.value or b""
        return max(len(value), spans_at_most(value) * self.span_bytes) + OVERHEAD_BYTES

    def _judge(self) -> None:
        if self.held <= self.limit * REOPEN_AT:
            self._extra = 0
        limit = self.limit + self._extra
        if not self.closed and self.held >= limit:
            self.closed = True
            self.on_close()
        elif self.closed and self.held <= max(self._extra, limit * REOPEN_AT):
            self.closed = False
