"""Couriers: deliver beside the judging, rest after a refusal, refresh what is open."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from alerts.channels import MemoryChannel
from alerts.courier import LAST_RETRY_S, Courier, Trip
from alerts.incidents import UPDATED, Event
from tests.alerts.samples import follow, opened
from tests.alerts.workload import START

EVENT = opened()
UPDATE = follow(EVENT, UPDATED)
WAIT_S = 5.0


class SlowChannel(MemoryChannel):
    """Takes nothing before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def send(self, event: Event, now: datetime) -> None:
        """See ``Channel``."""
        self.let_go.wait(WAIT_S)
        super().send(event, now)


def deliver(courier: Courier, *events: Event, active: tuple[Event, ...] = (), now: datetime = START) -> Trip:
    courier.leave(events, active, now)
    trip = courier.collect(now, wait_s=WAIT_S)
    assert trip is not None
    return trip


def test_a_trip_tells_what_was_taken_in_order() -> None:
    channel = MemoryChannel()

    trip = deliver(Courier(channel), EVENT, UPDATE)

    assert trip == Trip(taken=(EVENT, UPDATE))
    assert channel.events == [EVENT, UPDATE]


def test_a_slow_channel_keeps_nobody_waiting() -> None:
    channel = SlowChannel()
    courier = Courier(channel)

    courier.leave([EVENT], (), START)
    early, busy = courier.collect(START), courier.is_free(START)
    channel.let_go.set()
    late = courier.collect(START, wait_s=WAIT_S)

    assert (early, busy) == (None, False)
    assert late == Trip(taken=(EVENT,))


def test_after_refusals_it_rests_twice_as_long_each_time_up_to_a_limit() -> None:
    channel = MemoryChannel()
    channel.down = True
    courier, now, rests = Courier(channel), START, []

    for _ in range(12):
        assert deliver(courier, EVENT, now=now).refusal == "memory is down"
        rest = next(s for s in (2**k for k in range(20)) if courier.is_free(now + timedelta(seconds=min(s, 300))))
        rests.append(min(rest, 300))
        now += timedelta(seconds=rests[-1])

    assert rests == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert LAST_RETRY_S == 300


def test_a_delivery_ends_the_rests() -> None:
    channel = MemoryChannel()
    channel.down = True
    courier = Courier(channel)
    deliver(courier, EVENT)
    channel.down = False

    deliver(courier, EVENT, now=START + timedelta(seconds=1))

    assert courier.is_free(START + timedelta(seconds=1))


def test_what_is_open_is_said_again_when_the_time_has_come() -> None:
    channel = MemoryChannel(refresh_s=60)
    courier = Courier(channel)

    wanted = [courier.wants_refresh(START)]
    deliver(courier, active=(EVENT,))
    wanted += [courier.wants_refresh(START + timedelta(seconds=s)) for s in (59, 60)]

    assert wanted == [True, False, True]
    assert channel.refreshed == [EVENT]


def test_a_refresh_that_was_refused_is_due_again() -> None:
    channel = MemoryChannel(refresh_s=60)
    channel.down = True
    courier = Courier(channel)

    deliver(courier, active=(EVENT,))

    assert courier.wants_refresh(START + timedelta(seconds=1))


class Broken(MemoryChannel):
    """Cannot build what it is to say of the opening, nor a refresh."""

    def send(self, event: Event, now: datetime) -> None:
        """See ``Channel``."""
        if event is EVENT:
            raise TypeError("no text")
        super().send(event, now)

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``."""
        raise KeyError(f"{len(active)} at {now}")


def test_a_fault_of_ours_ends_one_event_and_neither_the_others_nor_the_worker(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trip = deliver(Courier(Broken()), EVENT, UPDATE)

    assert trip == Trip(taken=(UPDATE,), refused=((EVENT, "a fault of SpanLedger, TypeError: no text"),))
    assert "channel failed by a fault of ours: channel=memory" in caplog.text


def test_a_fault_of_ours_in_a_refresh_is_a_refusal() -> None:
    trip = deliver(Courier(Broken(refresh_s=60)), UPDATE, active=(EVENT,))

    assert trip.taken == (UPDATE,)
    assert trip.refusal is not None
    assert "KeyError" in trip.refusal
