"""What a worker has in hand."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.intake import OVERHEAD_BYTES, Intake
from processors.settings import WorkerSettings

MIB = 1024 * 1024


class Message:
    """One of a size."""

    def __init__(self, size: int) -> None:
        self.value = bytes(size)


def intake(limit: int, closings: list[int] | None = None) -> Intake[Message]:
    return Intake(limit=limit, on_close=lambda: (closings if closings is not None else []).append(1))


def taken(into: Intake[Message], *sizes: int) -> list[Message]:
    messages = [Message(size) for size in sizes]
    for message in messages:
        into.take(message)
    return messages


def test_it_closes_at_its_limit_and_opens_below_three_quarters_of_it():
    ours = intake(8 * MIB)
    first, second, third, *_ = taken(ours, 3 * MIB, MIB, MIB, 3 * MIB)
    seen = [ours.closed]
    for message in (second, third, first):
        ours.give(message)
        seen.append(ours.closed)

    assert seen == [True, True, True, False]


def test_each_closing_is_told_once():
    closings: list[int] = []
    ours = intake(MIB, closings)
    first, second = taken(ours, MIB, MIB)
    ours.give(first)
    ours.give(second)
    taken(ours, MIB)

    assert len(closings) == 2


def test_small_messages_weigh_more_than_their_payload():
    ours = intake(100 * OVERHEAD_BYTES)
    kept = taken(ours, *[1] * 99)
    before = ours.closed
    kept += taken(ours, 1)

    assert (before, ours.closed) == (False, True)


def test_where_spans_are_small_their_number_closes_it_at_a_flush_and_a_half_and_opens_it_again():
    settings = WorkerSettings(flush_bytes=64 * MIB, flush_spans=1 << 14)
    ours: Intake[Message] = Intake(limit=settings.hold_bytes, span_bytes=settings.span_bytes)
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(1 << 10):
        spans.add(trace_id=bytes([1] * 16), span_id=number.to_bytes(8, "big"))
    kept = [Message(0) for _ in range(24)]
    seen = []
    for message in kept:
        message.value = request.SerializeToString()
        ours.take(message)
        seen.append(ours.closed)
    for message in kept[:8]:
        ours.give(message)
        seen.append(ours.closed)

    assert sum(len(message.value) for message in kept) < MIB
    assert seen == [*[False] * 23, *[True] * 7, *[False] * 2]


def test_a_message_that_is_given_back_twice_counts_once():
    ours = intake(MIB)
    one, other = taken(ours, 100, 100)
    ours.give(one)
    ours.give(one)

    assert ours.held == 100 + OVERHEAD_BYTES
    ours.give(other)
    assert ours.held == 0


def test_messages_that_nobody_keeps_are_found_gone_by_a_recount():
    ours = intake(MIB)
    kept = taken(ours, 100)
    taken(ours, MIB)
    before = ours.closed
    ours.recount()

    assert (before, ours.closed, ours.held) == (True, False, 100 + OVERHEAD_BYTES)
    assert kept


def test_it_can_be_widened_step_by_step_and_narrows_by_itself():
    ours = intake(8 * MIB)
    kept = taken(ours, 8 * MIB)
    ours.widen()
    opened = not ours.closed
    kept += taken(ours, 7 * MIB)
    wide = not ours.closed
    kept += taken(ours, 2 * MIB)
    closed_again = ours.closed
    for message in kept:
        ours.give(message)
    kept = taken(ours, 8 * MIB)

    assert (opened, wide, closed_again, ours.closed) == (True, True, True, True)


@pytest.mark.parametrize("value", [None, b""])
def test_a_message_without_a_payload_weighs_something(value: bytes | None):
    ours = intake(MIB)
    message = Message(0)
    message.value = value  # type: ignore[assignment]  # Kafka knows messages without one
    ours.take(message)

    assert ours.held == OVERHEAD_BYTES
