"""What keeps the gateway's memory and its clients in bounds: bytes in flight, and bytes a second.

kafka-python's send buffer has no bound, so the bytes between a client and Kafka's acknowledgement are counted here:
from the first byte read to the moment Kafka has settled the record, also when its client has long been answered.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Self

from ingest.gateway.refusals import Reason, Refused

REQUEST_OVERHEAD_BYTES = 2048  # headers, futures and batch entries, so that a flood of tiny requests is bounded too
OVERLOAD_RETRY_S = 1.0


class InFlight:
    """Bytes taken and not yet settled, at most ``limit_bytes``."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.bytes = 0

    def charge(self) -> Charge:
        """Begin to count one request."""
        return Charge(self)


class Charge:
    """The bytes of one request: grows while its body is read, is given back once.

    As a context it gives the bytes back at the end, unless they were handed over to whoever settles the record.
    """

    __slots__ = ("_handed_over", "_in_flight", "_taken")

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._taken = 0
        self._handed_over = False
        self.grow(REQUEST_OVERHEAD_BYTES)

    def grow(self, more_bytes: int) -> None:
        """Take more; raises Refused (overloaded) where that would pass the limit."""
        in_flight = self._in_flight
        if in_flight.bytes + more_bytes > in_flight.limit_bytes:
            self.release()
            raise Refused(Reason.OVERLOADED, "the gateway has too many bytes in flight", retry_after_s=OVERLOAD_RETRY_S)
        in_flight.bytes += more_bytes
        self._taken += more_bytes

    def hand_over(self) -> Callable[[], None]:
        """Keep the bytes counted past the end of the context; the caller gets the function that gives them back."""
        self._handed_over = True
        return self.release

    def release(self) -> None:
        """Give back what was taken; a second time does nothing."""
        self._in_flight.bytes -= self._taken
        self._taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        if not self._handed_over:
            self.release()


class RateLimit:
    """A token bucket of bytes per client: one second's worth, and the last request may overdraw it.

    Overdrawing lets a request that is larger than the bucket through, at the price of the wait that follows.
    ``clock`` gives monotonic seconds; ``bytes_per_s`` 0 = unlimited.
    """

    def __init__(self, bytes_per_s: int, *, clock: Callable[[], float]) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._buckets: dict[Hashable, tuple[float, float]] = {}  # client -> level in bytes, and when it was that

    def check(self, client: Hashable) -> None:
        """Raise Refused (rate limited) while the client's bucket is empty."""
        if self._bytes_per_s and (level := self._level(client)) <= 0:
            wait_s = max(-level / self._bytes_per_s, 0.001)
            raise Refused(
                Reason.RATE_LIMITED, f"over {self._bytes_per_s} bytes a second for this key", retry_after_s=wait_s
            )

    def spend(self, client: Hashable, taken_bytes: int) -> None:
        """Take bytes out of the client's bucket."""
        if self._bytes_per_s:
            self._buckets[client] = (self._level(client) - taken_bytes, self._clock())

    def _level(self, client: Hashable) -> float:
        now = self._clock()
        level, then = self._buckets.get(client, (float(self._bytes_per_s), now))
        return min(level + (now - then) * self._bytes_per_s, float(self._bytes_per_s))
