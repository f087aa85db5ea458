"""Messages that wait for their flush."""

from collections.abc import Mapping, Sequence

from processors.messages import Message
from processors.pending import Pending, Stream, spans_at_most
from processors.settings import WorkerSettings

SPAN = b"\x0a\x10" + bytes(16)


def message(offset: int, *, spans: int = 1, partition: int = 0) -> Message:
    return Message(topic="t", partition=partition, offset=offset, received_at_us=0, value=SPAN * spans)


def pending(clock: list[float], **settings: float) -> Pending[str]:
    return Pending(settings=WorkerSettings(**settings), clock=lambda: clock[0])


def offsets(batches: Mapping[Stream, Sequence[Message]]) -> dict[Stream, list[int]]:
    return {stream: [m.offset for m in messages] for stream, messages in batches.items()}


def test_nothing_is_due_while_nothing_waits():
    waiting = pending([1e9])

    assert not waiting.due


def test_a_flush_is_due_when_the_oldest_message_has_waited_long_enough():
    clock = [0.0]
    waiting = pending(clock, flush_seconds=2.0)
    waiting.add([(message(1), "a")])
    clock[0] = 1.9
    early = waiting.due
    clock[0] = 2.0

    assert (early, waiting.due) == (False, True)


def test_spans_and_bytes_make_a_flush_due_at_once():
    by_spans = pending([0.0], flush_spans=10)
    by_spans.add([(message(1, spans=10), "a")])
    by_bytes = pending([0.0], flush_bytes=18)
    by_bytes.add([(message(1), "a")])

    assert by_spans.due
    assert by_bytes.due


def test_a_message_that_arrives_again_is_kept_once_and_acknowledged_twice():
    waiting = pending([0.0])
    waiting.add([(message(1), "first"), (message(1), "again"), (message(2), "next")])

    assert offsets(waiting.everything()) == {("t", 0): [1, 2]}
    assert waiting.count == 2
    assert waiting.release(("t", 0), 2) == ["first", "again"]


def test_releasing_forgets_what_lies_below_and_keeps_the_rest():
    waiting = pending([0.0])
    waiting.add([(message(o), str(o)) for o in (5, 3, 4)])

    assert waiting.release(("t", 0), 5) == ["3", "4"]
    assert offsets(waiting.everything()) == {("t", 0): [5]}
    assert (waiting.count, waiting.spans, waiting.bytes) == (1, 1, len(SPAN))


def test_counts_are_zero_after_all_is_released():
    waiting = pending([0.0])
    waiting.add([(message(1), "a"), (message(1, partition=1), "b")])
    waiting.release(("t", 0), 2)
    waiting.release(("t", 1), 2)

    assert (waiting.count, waiting.spans, waiting.bytes, waiting.since) == (0, 0, 0, None)


def test_an_upper_bound_of_spans_is_never_below_the_real_number():
    assert spans_at_most(SPAN * 7) == 7
    assert spans_at_most(b'{"traceId":"00","spanId":"00"},{"traceId":"01"}') == 2
    assert spans_at_most(b"garbage") == 1


def test_what_came_during_a_flush_has_waited_since_it_came():
    clock = [0.0]
    waiting = pending(clock, flush_seconds=2.0)
    waiting.add([(message(1), "a")])
    clock[0] = 2.5
    waiting.add([(message(2), "b")])
    clock[0] = 3.0
    waiting.release(("t", 0), 2)
    clock[0] = 4.4
    early = waiting.due
    clock[0] = 4.5

    assert (early, waiting.due) == (False, True)


def test_messages_before_the_ends_of_a_moment_are_told_from_later_ones():
    waiting = pending([0.0])
    waiting.add([(message(1), "a"), (message(7, partition=1), "b")])
    ends = waiting.ends()
    waiting.add([(message(2), "c"), (message(1, partition=2), "d")])
    first = waiting.has_before(ends)
    waiting.release(("t", 0), 2)
    waiting.release(("t", 1), 8)

    assert ends == {("t", 0): 2, ("t", 1): 8}
    assert (first, waiting.has_before(ends)) == (True, False)


def test_a_flush_takes_what_came_first_until_it_is_enough():
    waiting = pending([0.0], flush_spans=3)
    waiting.add([(message(1), "a"), (message(5, partition=1), "b"), (message(2), "c"), (message(3), "d")])
    chosen = waiting.enough()

    assert offsets(chosen) == {("t", 0): [1, 2], ("t", 1): [5]}
    assert offsets(waiting.everything()) == {("t", 0): [1, 2, 3], ("t", 1): [5]}


def test_a_flush_leaves_no_hole_where_earlier_offsets_came_later():
    waiting = pending([0.0], flush_bytes=len(SPAN) * 2)
    waiting.add([(message(o), str(o)) for o in (8, 9, 5, 6)])

    assert offsets(waiting.enough()) == {("t", 0): [5, 6]}


def test_a_message_larger_than_a_flush_is_a_flush():
    waiting = pending([0.0], flush_bytes=1)
    waiting.add([(message(1, spans=50), "a"), (message(2), "b")])

    assert offsets(waiting.enough()) == {("t", 0): [1]}
