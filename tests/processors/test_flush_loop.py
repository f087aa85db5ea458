"""The loop that takes pending messages to the lake: what a flush gets, and what happens where it can take nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from processors.agents.spans import FlushLoop
from processors.flush import Flushed
from processors.intake import OVERHEAD_BYTES, Intake
from processors.messages import Message
from processors.metrics import WorkerMetrics
from processors.pending import Pending, Stream
from processors.settings import WorkerSettings

SIZE = 1000


class Record(SimpleNamespace):
    """What Kafka's client hands over; can be referred to weakly."""

    __hash__ = object.__hash__


class Lake:
    """A flusher that takes a range of ``whole`` messages or nothing, as after a crash; then what it gets."""

    def __init__(self, whole: int = 0) -> None:
        self.metrics = WorkerMetrics()
        self.whole = whole
        self.got: list[int] = []

    def flush(self, pending: Mapping[Stream, Sequence[Message]], ends: Mapping[Stream, int]) -> Flushed:
        """Take a range."""
        assert set(ends) == set(pending)
        count = sum(map(len, pending.values()))
        self.got.append(count)
        if count < self.whole:
            return Flushed(released={})
        self.whole = 0
        return Flushed(released={stream: messages[-1].offset + 1 for stream, messages in pending.items()})


def looped(lake: Lake, *, flush_messages: int, hold_messages: int) -> tuple[FlushLoop, list[int]]:
    """A loop over one partition, and the offsets that it has acknowledged."""
    app = SimpleNamespace(should_stop=False, consumer=SimpleNamespace(highwater=lambda _: None, should_stop=False))
    acknowledged: list[int] = []
    intake: Intake[Any] = Intake(limit=hold_messages * (SIZE + OVERHEAD_BYTES))
    pending: Pending[Any] = Pending(
        settings=WorkerSettings(flush_bytes=flush_messages * SIZE, flush_seconds=600), clock=lambda: 0.0
    )
    loop = FlushLoop(app=app, flusher=lake, pending=pending, intake=intake)  # type: ignore[arg-type]  # parts of them
    return loop, acknowledged


async def arrive(loop: FlushLoop, acknowledged: list[int], offsets: Sequence[int]) -> None:
    def event(offset: int) -> Any:
        record = Record(topic="t", partition=0, offset=offset, timestamp=1.0, value=bytes(SIZE), headers=())
        kept.append(record)
        loop.intake.take(record)

        def ack() -> None:
            acknowledged.append(offset)
            loop.intake.give(record)

        return SimpleNamespace(message=record, ack=ack)

    kept: list[Any] = []
    await loop.arrive([event(offset) for offset in offsets])


def test_messages_are_flushed_in_parts_of_a_flush_and_acknowledged_in_order():
    lake = Lake()
    loop, acknowledged = looped(lake, flush_messages=4, hold_messages=100)

    async def run() -> None:
        await arrive(loop, acknowledged, range(10))
        await loop.tick()

    asyncio.run(run())

    assert lake.got == [4, 4, 2]
    assert acknowledged == list(range(10))


def test_arriving_does_not_wait_for_a_flush_and_wakes_the_one_who_flushes():
    lake = Lake()
    loop, acknowledged = looped(lake, flush_messages=4, hold_messages=100)
    woken = []

    async def run() -> None:
        for offset in range(4):
            await arrive(loop, acknowledged, [offset])
            woken.append(loop.wake.is_set())

    asyncio.run(run())

    assert woken == [False, False, False, True]
    assert lake.got == []


def test_a_closed_intake_flushes_what_there_is_since_nothing_more_would_come():
    lake = Lake()
    loop, acknowledged = looped(lake, flush_messages=100, hold_messages=3)

    async def run() -> None:
        await arrive(loop, acknowledged, [0, 1])
        await loop.tick()
        await arrive(loop, acknowledged, [2])
        await loop.tick()

    asyncio.run(run())

    assert lake.got == [3]
    assert not loop.intake.closed


def test_a_range_that_a_crash_left_is_given_whole_where_a_part_of_it_is_of_no_use():
    lake = Lake(whole=6)
    loop, acknowledged = looped(lake, flush_messages=4, hold_messages=100)

    async def run() -> None:
        await arrive(loop, acknowledged, range(7))
        await loop.tick()

    asyncio.run(run())

    assert lake.got == [4, 7]
    assert acknowledged == list(range(7))


def test_a_range_larger_than_what_a_worker_holds_is_let_in_all_the_same(caplog: pytest.LogCaptureFixture):
    lake = Lake(whole=11)
    loop, acknowledged = looped(lake, flush_messages=4, hold_messages=4)
    arrived = 0

    async def run() -> None:
        nonlocal arrived
        for _ in range(100):
            if not loop.intake.closed and arrived < 11:
                await arrive(loop, acknowledged, [arrived])
                arrived += 1
            await loop.tick()

    asyncio.run(run())

    assert acknowledged == list(range(11))
    assert "a range is larger than what is held" in caplog.text
