"""The commit protocol: every row of every range stands once in every table, whatever happens in between."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace

import pytest

from tests.warehouse import processes
from tests.warehouse.contents import assert_exactly_once, files, stored
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, flush_of, stretch
from tests.warehouse.steps import STEPS, at
from warehouse.lake import Flush, PartlyCommitted
from warehouse.lake import table as table_module
from warehouse.schemas import COMMIT_ORDER
from warehouse.settings import LakeSettings

OTHER = "cluster/topic/1"


class Died(Exception):
    """A writer got no further."""


def test_the_steps_are_told_in_the_order_of_the_tables(local: LakeSettings):
    told: list[str] = []

    open_lake(local).commit(flush_of(stretch(0, 3)), on_step=told.append)

    assert tuple(told) == STEPS


def test_what_was_sent_stands_in_every_table(anywhere: LakeSettings):
    flushes = [flush_of(stretch(0, 5), stretch(0, 3, OTHER)), flush_of(stretch(5, 6)), flush_of(stretch(3, 9, OTHER))]
    lake = open_lake(anywhere)

    versions = [lake.commit(flush) for flush in flushes]

    assert versions == [dict.fromkeys(COMMIT_ORDER, version) for version in (1, 2, 3)]
    assert_exactly_once(anywhere, *flushes)


def test_redelivery_of_whole_ranges_adds_nothing(anywhere: LakeSettings):
    first, both = flush_of(stretch(0, 5)), flush_of(stretch(0, 5), stretch(0, 2, OTHER))
    lake = open_lake(anywhere)

    lake.commit(first)
    again = lake.commit(first)
    lake.commit(both)

    assert again == {}
    assert_exactly_once(anywhere, both)


def test_an_empty_range_moves_the_offsets_of_every_table_and_adds_no_file(anywhere: LakeSettings):
    empty = Flush(ranges=(stretch(0, 4),))
    lake = open_lake(anywhere)

    versions = lake.commit(empty)

    assert versions == dict.fromkeys(COMMIT_ORDER, 1)
    assert lake.next_offsets([APP])[APP] == dict.fromkeys(COMMIT_ORDER, 4)
    assert_exactly_once(anywhere, empty)


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LakeSettings]:
    """For every step a lake in which a process died right after it, with [0, 4) and [0, 2) of two streams in flight."""
    lakes = {step: LakeSettings(url=str(tmp_path_factory.mktemp("crash") / "lake")) for step in STEPS}
    for settings in lakes.values():
        open_lake(settings)
    parts = (stretch(0, 4), stretch(0, 2, OTHER))

    codes = processes.run(processes.commit_and_die, [(settings, parts, step) for step, settings in lakes.items()])

    assert codes == [processes.DIED] * len(STEPS)
    return lakes


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_after_any_step_and_a_replay_give_every_row_once(step: str, crashes: dict[str, LakeSettings]):
    committed = STEPS.index(step) // 2 if step.endswith("committed") else (STEPS.index(step) - 1) // 2
    lake = open_lake(crashes[step])
    offsets = lake.next_offsets([APP])[APP]
    replayed = [flush_of(stretch(0, 2, OTHER)), flush_of(stretch(0, 4))]  # by two workers, in another order

    written = [lake.commit(flush) for flush in replayed]

    assert [table for table in COMMIT_ORDER if offsets[table] == 4] == list(COMMIT_ORDER[: max(committed, 0)])
    assert all(set(versions) == set(COMMIT_ORDER[max(committed, 0) :]) for versions in written)
    assert_exactly_once(crashes[step], *replayed)


RACES = ("loaded", "usage written", "spans written", "flushes written")


@pytest.mark.parametrize(
    ("step", "anywhere"),
    [
        *((step, "directory") for step in RACES),
        ("usage written", "object store"),
        *(pytest.param(step, "object store", marks=pytest.mark.long) for step in RACES if step != "usage written"),
    ],
    indirect=["anywhere"],
)
def test_of_two_writers_of_one_stream_exactly_one_is_seen(step: str, anywhere: LakeSettings):
    flush = flush_of(stretch(0, 4))
    ours, theirs = open_lake(anywhere), open_lake(anywhere)

    ours.commit(flush, on_step=at(step, lambda: theirs.commit(flush)))

    assert_exactly_once(anywhere, flush)


def test_a_writer_who_lost_one_of_its_streams_commits_the_other(local: LakeSettings):
    both, one = flush_of(stretch(0, 4), stretch(0, 2, OTHER)), flush_of(stretch(0, 4))
    ours, theirs = open_lake(local), open_lake(local)

    ours.commit(both, on_step=at("usage written", lambda: theirs.commit(one)))

    assert_exactly_once(local, both)


def test_writers_of_different_streams_do_not_hinder_each_other(anywhere: LakeSettings):
    flushes = flush_of(stretch(0, 4)), flush_of(stretch(0, 2, OTHER))
    ours, theirs = open_lake(anywhere), open_lake(anywhere)

    ours.commit(flushes[0], on_step=at("usage written", lambda: theirs.commit(flushes[1])))

    assert_exactly_once(anywhere, *flushes)


def test_processes_that_race_through_the_same_stream_write_it_once(local: LakeSettings):
    open_lake(local)
    parts = [stretch(offset, offset + 2) for offset in range(0, 12, 2)]

    codes = processes.run(processes.commit_ranges, [(local, parts)] * 3)

    assert codes == [0, 0, 0]
    assert_exactly_once(local, *(flush_of(part) for part in parts))


def test_a_range_that_a_table_has_in_part_is_refused_before_anything_is_written(local: LakeSettings):
    half, whole = flush_of(stretch(0, 3)), flush_of(stretch(0, 5), stretch(0, 2, OTHER))
    lake = open_lake(local)
    lake.commit(half)

    with pytest.raises(PartlyCommitted, match=r"has cluster/topic/0 up to 3, inside \[0, 5\)"):
        lake.commit(whole)

    assert_exactly_once(local, half)


def test_a_range_that_somebody_else_committed_in_part_meanwhile_is_refused_and_its_rest_can_follow(local: LakeSettings):
    half, whole, rest = flush_of(stretch(0, 3)), flush_of(stretch(0, 5)), flush_of(stretch(3, 5))
    ours, theirs = open_lake(local), open_lake(local)

    with pytest.raises(PartlyCommitted):
        ours.commit(whole, on_step=at("loaded", lambda: theirs.commit(half)))
    ours.commit(rest)

    assert_exactly_once(local, half, rest)


@pytest.mark.parametrize("step", ["usage committed", "spans written"])
@pytest.mark.parametrize("when", ["before", "loaded"])
def test_a_range_of_which_somebody_else_writes_a_longer_one_is_left_to_them(when: str, step: str, local: LakeSettings):
    half, whole = flush_of(stretch(0, 3)), flush_of(stretch(0, 5))
    ours, theirs = open_lake(local), open_lake(local)

    def begin() -> None:
        with contextlib.suppress(Died):
            theirs.commit(whole, on_step=at(step, die))

    if when == "before":
        begin()
    with pytest.raises(PartlyCommitted, match=r"has cluster/topic/0 up to 5, beyond \[0, 3\)"):
        ours.commit(half, on_step=at(when, begin))
    ours.commit(whole)

    assert_exactly_once(local, whole)


def die() -> None:
    raise Died


def test_a_range_that_all_tables_went_beyond_meanwhile_is_dropped(local: LakeSettings):
    half, rest = flush_of(stretch(0, 3)), flush_of(stretch(3, 5))
    ours, theirs = open_lake(local), open_lake(local)

    def overtake() -> None:
        theirs.commit(half)
        theirs.commit(rest)

    ours.commit(half, on_step=at("loaded", overtake))

    assert_exactly_once(local, half, rest)


def test_a_recreated_topic_is_a_new_stream(local: LakeSettings):
    before, after = flush_of(stretch(0, 5)), flush_of(stretch(0, 3, "cluster/topic-again/0"))
    lake = open_lake(local)

    lake.commit(before)
    lake.commit(after)

    assert_exactly_once(local, before, after)


def test_offsets_that_kafka_no_longer_has_may_be_left_out(local: LakeSettings):
    before, after = flush_of(stretch(0, 5)), flush_of(stretch(90, 95))
    lake = open_lake(local)

    lake.commit(before)
    lake.commit(after)

    assert_exactly_once(local, before, after)


@pytest.mark.long
def test_what_a_writer_knows_of_the_offsets_is_what_deltalake_says(anywhere: LakeSettings):
    settings = replace(anywhere, checkpoint_commits=3)
    ours, theirs = open_lake(settings), open_lake(settings)
    ends = {APP: 0, OTHER: 0, "cluster/topic/2": 0}
    draw = random.Random(7)

    for number in range(12):
        moved = draw.sample(sorted(ends), k=draw.randint(1, 2))
        spans = [stretch(ends[app_id], ends[app_id] + draw.randint(1, 3), app_id) for app_id in moved]
        (ours if number % 3 else theirs).commit(flush_of(*spans))
        ends |= {span.app_id: span.next for span in spans}
        for lake in draw.sample((ours, theirs), k=1):
            told = lake.next_offsets(ends)
            assert told == {app_id: dict.fromkeys(COMMIT_ORDER, end or None) for app_id, end in ends.items()}


@pytest.mark.parametrize("lost", [(), (3, 4), (6,)], ids=["none", "the middle", "the last"])
def test_commits_that_are_no_longer_in_the_log_are_asked_of_deltalake(
    lost: tuple[int, ...], local: LakeSettings, monkeypatch: pytest.MonkeyPatch
):
    ours, theirs = open_lake(local), open_lake(local)
    ours.commit(flush_of(stretch(0, 1), stretch(0, 1, OTHER)))
    for at_offset in range(1, 6):
        theirs.commit(flush_of(stretch(at_offset, at_offset + 1)))
    read = table_module.read_transactions
    monkeypatch.setattr(
        table_module, "read_transactions", lambda files, version: None if version in lost else read(files, version)
    )

    told = ours.next_offsets([APP, OTHER])

    assert told == {APP: dict.fromkeys(COMMIT_ORDER, 6), OTHER: dict.fromkeys(COMMIT_ORDER, 1)}


def test_orphans_of_a_lost_race_are_taken_away(local: LakeSettings):
    flush = flush_of(stretch(0, 4))
    ours, theirs = open_lake(local), open_lake(local)

    ours.commit(flush, on_step=at("usage written", lambda: theirs.commit(flush)))

    assert files(local, "usage") == 1
    assert len(stored(local, "usage")) == 1


@pytest.mark.parametrize(("first", "next_"), [(-1, 3), (3, 3), (4, 3)])
def test_an_impossible_range_is_none(first: int, next_: int):
    with pytest.raises(ValueError, match="no range of offsets"):
        stretch(first, next_)


def test_a_flush_takes_one_range_a_stream_and_rows_of_its_own_streams_only():
    part = stretch(0, 1)

    with pytest.raises(ValueError, match="one range of each"):
        Flush(ranges=(part, stretch(1, 2)))
    with pytest.raises(ValueError, match="one range of each"):
        Flush(ranges=())
    with pytest.raises(ValueError, match="does not write"):
        Flush(ranges=(part,), tables={"incidents": {}})
    with pytest.raises(ValueError, match="without a range"):
        Flush(ranges=(part,), tables=flush_of(stretch(0, 1, OTHER)).tables)
