"""Couriers carry events to one channel each, in a thread of their own: a channel that is down blocks nobody."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from alerts.channels.channel import LONGEST_REST_S, Channel
from alerts.errors import ChannelDown, EventRefused
from alerts.incidents import Event

log = logging.getLogger("spanledger.alerts")

FIRST_RETRY_S = 1.0
PROBE = 1
"""Events that are tried at a channel that refused the last time: each must be claimed, in the journal."""
LAST_RETRY_S = LONGEST_REST_S
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What became of a batch: the events that were taken, in order, and why the next one was not.

    ``refused``: those that would never be taken, and why.
    """

    taken: tuple[Event, ...]
    refusal: str | None = None
    refused: tuple[tuple[Event, str], ...] = ()


class Courier:
    """Delivers to one channel; after a refusal it waits, twice as long each time.

    ``per_minute``: how many events it delivers in any minute at most; the others wait in the outbox.
    """

    def __init__(self, channel: Channel, *, per_minute: int | None = None) -> None:
        self.channel = channel
        self._per_minute = per_minute
        self._sent: deque[datetime] = deque()
        self._trip: Future[Trip] | None = None
        self._refusals = 0
        self._refusal: str | None = None
        self._rests_until: datetime | None = None
        self._refreshed_at: datetime | None = None
        self._refresh_on_trip: datetime | None = None

    def is_free(self, now: datetime) -> bool:
        """Whether it can take a batch now."""
        return self._trip is None and (self._rests_until is None or now >= self._rests_until)

    @property
    def refusal(self) -> str | None:
        """Why the channel took nothing on the last trip, if so."""
        return self._refusal

    def allowance(self, now: datetime) -> int | None:
        """How many events it may take now; None = any number; one where the channel refused the last time."""
        allowed = self._allowed(now)
        return allowed if self._refusal is None else PROBE if allowed is None else min(PROBE, allowed)

    def _allowed(self, now: datetime) -> int | None:
        if self._per_minute is None:
            return None
        while self._sent and now - self._sent[0] >= MINUTE:
            self._sent.popleft()
        return self._per_minute - len(self._sent)

    def wants_refresh(self, now: datetime) -> bool:
        """Whether the channel should hear again what is open."""
        every_s = self.channel.refresh_s
        if every_s is None:
            return False
        return self._refreshed_at is None or now - self._refreshed_at >= timedelta(seconds=every_s)

    def leave(self, events: Sequence[Event], active: Sequence[Event], now: datetime) -> None:
        """Start a trip: send the events, then say again what is ``active``."""
        self._trip = Future()
        self._refresh_on_trip = now if self.wants_refresh(now) else None
        threading.Thread(
            target=_travel, args=(self._trip, self.channel, tuple(events), tuple(active), now), daemon=True
        ).start()

    def collect(self, now: datetime, *, wait_s: float = 0.0) -> Trip | None:
        """The trip that has ended, if any; with ``wait_s`` wait for it that long."""
        if self._trip is None:
            return None
        try:
            trip = self._trip.result(timeout=wait_s)
        except TimeoutError:
            return None
        self._trip = None
        self._sent.extend([now] * (len(trip.taken) + len(trip.refused)))
        if not trip.refusal:
            self._refreshed_at = self._refresh_on_trip or self._refreshed_at
        self._refusal = trip.refusal
        self._refusals = self._refusals + 1 if trip.refusal else 0
        wait = min(FIRST_RETRY_S * 2.0 ** (self._refusals - 1), LAST_RETRY_S)
        self._rests_until = now + timedelta(seconds=wait) if trip.refusal else None
        return trip


def _travel(
    trip: Future[Trip], channel: Channel, events: tuple[Event, ...], active: tuple[Event, ...], now: datetime
) -> None:
    taken: list[Event] = []
    refused: list[tuple[Event, str]] = []
    try:
        for event in events:
            try:
                _attempt(channel, partial(channel.send, event, now))
                taken.append(event)
            except EventRefused as error:
                refused.append((event, str(error)))
        if active:
            _attempt(channel, partial(channel.refresh, active, now))
        trip.set_result(Trip(taken=tuple(taken), refused=tuple(refused)))
    except ChannelDown as error:
        trip.set_result(Trip(taken=tuple(taken), refusal=str(error), refused=tuple(refused)))


def _attempt(channel: Channel, act: Callable[[], None]) -> None:
    """Let the channel act. Raises ChannelDown, and EventRefused where it fails by a fault of ours.

    What one channel cannot build it could not build again, and it must end neither the worker nor other channels.
    """
    try:
        act()
    except ChannelDown:
        raise
    except Exception as fault:
        log.exception("channel failed by a fault of ours: channel=%s", channel.name)
        raise EventRefused(f"a fault of SpanLedger, {type(fault).__name__}: {fault}") from fault
