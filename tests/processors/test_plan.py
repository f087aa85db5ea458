"""Which offsets a flush takes, by what is pending and what the lake has."""

from hypothesis import given
from hypothesis import strategies as st

from processors.messages import Message
from processors.plan import Have, Take, have, take


def message(offset: int) -> Message:
    return Message(topic="otlp_spans", partition=0, offset=offset, received_at_us=offset, value=b"x")


def messages(*offsets: int) -> list[Message]:
    return [message(offset) for offset in offsets]


def taken(one: Take | None) -> tuple[int, int, list[int], int] | None:
    return None if one is None else (one.first, one.next, [m.offset for m in one.messages], one.missing)


def test_a_new_stream_starts_at_the_first_message_that_comes():
    one = take("a", messages(57, 58), Have(nearest=None, furthest=None))

    assert taken(one) == (57, 59, [57, 58], 0)


def test_messages_that_every_table_has_are_left_out():
    one = take("a", messages(3, 4, 5, 6), Have(nearest=5, furthest=5))

    assert taken(one) == (5, 7, [5, 6], 0)


def test_nothing_is_taken_when_every_table_has_all():
    one = take("a", messages(3, 4), Have(nearest=5, furthest=5))

    assert one is None


def test_offsets_without_a_message_are_counted_as_missing():
    one = take("a", messages(8, 10), Have(nearest=5, furthest=5))

    assert taken(one) == (5, 11, [8, 10], 4)


def test_after_a_crash_between_commits_exactly_the_range_up_to_the_furthest_table_is_taken():
    one = take("a", messages(*range(50, 130)), Have(nearest=50, furthest=100))

    assert taken(one) == (50, 100, list(range(50, 100)), 0)


def test_a_range_that_a_crash_left_is_not_taken_before_it_has_arrived_whole():
    one = take("a", messages(50, 51), Have(nearest=50, furthest=100))

    assert one is None


def test_a_crash_in_the_first_flush_ever_repeats_that_flush():
    one = take("a", messages(7, 8, 9, 10), Have(nearest=None, furthest=9))

    assert taken(one) == (7, 9, [7, 8], 0)


def test_a_left_range_that_kafka_no_longer_has_is_taken_as_missing():
    one = take("a", messages(120), Have(nearest=50, furthest=100))

    assert taken(one) == (50, 100, [], 50)


def test_a_stream_is_unknown_while_one_table_lacks_it():
    assert have({"usage": 100, "spans": None}) == Have(nearest=None, furthest=100)
    assert have({"usage": 100, "spans": 50}) == Have(nearest=50, furthest=100)
    assert have({"usage": None, "spans": None}) == Have(nearest=None, furthest=None)


@given(st.integers(0, 40), st.integers(0, 40), st.lists(st.integers(0, 80), unique=True, min_size=1))
def test_a_range_never_reaches_outside_what_is_pending_or_owed(nearest: int, ahead: int, offsets: list[int]):
    pending = messages(*sorted(offsets))
    had = Have(nearest=nearest, furthest=nearest + ahead)

    one = take("a", pending, had)

    if one is not None:
        assert one.first == nearest
        assert one.next == (had.furthest if ahead else max(offsets) + 1)
        assert one.missing == one.next - one.first - len(one.messages)
        assert all(one.first <= m.offset < one.next for m in one.messages)
