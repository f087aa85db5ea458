"""Snapshots agree, scopes hold, and only the files that are needed are read."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.warehouse.faults import away
from tests.warehouse.samples import APP, NOON, flush_of, flush_record, rows, stretch, usage
from tests.warehouse.steps import STEPS, at
from warehouse.errors import BadQuestion, LakeUnavailable
from warehouse.lake import Flush, Lake
from warehouse.questions import load_question, question_names
from warehouse.reader import ALL, Scope, Warehouse, WarehouseSnapshot
from warehouse.relations import connect
from warehouse.settings import LakeSettings

OTHER = "cluster/topic/1"


def seen(snapshot: WarehouseSnapshot) -> tuple[int, int, int]:
    """Calls by the tables that a flush commits to second, fifth and last."""
    spend = snapshot.ask("spend", ALL, by=())["calls"][0].as_py()
    calls = snapshot.ask("calls", ALL, limit=10_000).num_rows
    flushed = snapshot.ask("status", ALL)["spans"][0].as_py()
    return spend, calls, flushed


def test_a_snapshot_taken_between_any_two_steps_of_a_commit_agrees_with_itself(local: LakeSettings):
    lake, warehouse = Lake.open(local), Warehouse(local)
    lake.commit(flush_of(stretch(0, 3)))
    snapshots: dict[str, WarehouseSnapshot] = {}

    lake.commit(
        flush_of(stretch(3, 7), stretch(0, 2, OTHER)),
        on_step=lambda done: snapshots.update({done: warehouse.snapshot()}),
    )

    assert {step: seen(snapshot) for step, snapshot in snapshots.items()} == {
        step: (9, 9, 9) if step == "flushes committed" else (3, 3, 3) for step in STEPS
    }


def test_snapshots_beside_two_writers_agree_with_themselves(local: LakeSettings):
    Lake.open(local)
    warehouse = Warehouse(local)

    def write(app_id: str) -> None:
        lake = Lake.open(local, create=False)
        for offset in range(0, 40, 4):
            lake.commit(flush_of(stretch(offset, offset + 4, app_id)))

    writers = [threading.Thread(target=write, args=(app_id,)) for app_id in (APP, OTHER)]
    for writer in writers:
        writer.start()
    looks = []
    while any(writer.is_alive() for writer in writers):
        looks.append(seen(warehouse.snapshot()))
    last = seen(warehouse.snapshot())

    assert all(spend == calls == flushed for spend, calls, flushed in looks)
    assert last == (80, 80, 80)


def test_the_streams_of_a_flush_that_died_are_seen_when_the_last_has_been_taken_up(local: LakeSettings):
    lake, warehouse = Lake.open(local), Warehouse(local)
    with pytest.raises(InterruptedError):
        lake.commit(flush_of(stretch(0, 4), stretch(0, 2, OTHER)), on_step=at("usage committed", _die))
    successor = Lake.open(local)

    dead = seen(warehouse.snapshot())
    successor.commit(flush_of(stretch(0, 4)))
    half = seen(warehouse.snapshot())
    successor.commit(flush_of(stretch(0, 2, OTHER)))

    assert (dead, half) == ((0, 0, 0), (0, 0, 0))
    assert seen(warehouse.snapshot()) == (6, 6, 6)


def _die() -> None:
    raise InterruptedError


def test_a_snapshot_stays_what_it_was(anywhere: LakeSettings):
    lake, warehouse = Lake.open(anywhere), Warehouse(anywhere)
    lake.commit(flush_of(stretch(0, 3)))
    snapshot = warehouse.snapshot()

    lake.commit(flush_of(stretch(3, 5)))

    assert seen(snapshot) == (3, 3, 3)
    assert seen(warehouse.snapshot()) == (5, 5, 5)


def test_versions_differ_as_soon_as_anything_was_committed(local: LakeSettings):
    lake, warehouse = Lake.open(local), Warehouse(local)
    before = warehouse.versions()

    assert warehouse.versions() == before
    lake.append_once("incidents", rows("incidents", {"event_id": "e", "recorded_at": NOON}), "alerts", 0)
    assert warehouse.versions() != before


@pytest.mark.parametrize("question", question_names())
def test_an_empty_lake_gives_empty_answers_with_the_columns_of_full_ones(question: str, local: LakeSettings):
    lake, warehouse = Lake.open(local), Warehouse(local)
    empty = warehouse.ask(question, ALL)

    lake.commit(flush_of(stretch(0, 3)))

    assert empty.schema == warehouse.ask(question, ALL).schema
    assert empty.num_rows in (0, 1)  # one where the question is about the whole


@pytest.mark.parametrize(
    ("scope", "tenants"),
    [
        (ALL, {"acme", "o'neill", None}),
        (frozenset({"acme"}), {"acme"}),
        (frozenset({"o'neill", None}), {"o'neill", None}),
        (frozenset({None}), {None}),
        (frozenset({"nobody"}), set()),
        (frozenset(), set()),
    ],
)
def test_an_answer_holds_what_the_scope_allows(scope: Scope, tenants: set[str | None], anywhere: LakeSettings):
    names = ("acme", "o'neill", None)
    calls = rows("usage", *(usage(tenant=name) for name in names))
    Lake.open(anywhere).commit(Flush(ranges=(stretch(0, 3),), tables={"usage": {APP: calls}}))
    # a stream is visible once it stands in `flushes`, which this flush moves without a row

    answer = Warehouse(anywhere).ask("spend", scope, by="tenant")

    assert set(answer["tenant"].to_pylist()) == tenants


def test_a_scope_is_required_and_is_no_list(local: LakeSettings):
    Lake.open(local)
    warehouse = Warehouse(local)

    with pytest.raises(TypeError, match="scope"):
        warehouse.ask("spend")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="a scope is ALL or a frozenset"):
        warehouse.ask("spend", ["acme"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a scope is ALL or a frozenset"):
        warehouse.ask("spend", None)  # type: ignore[arg-type]


def fill_days(settings: LakeSettings) -> None:
    """Three days with a call at noon each."""
    lake = Lake.open(settings)
    for offset in range(3):
        at_ = NOON + timedelta(days=offset)
        part = stretch(offset, offset + 1)
        record = flush_record(part, flushed_at=at_)
        lake.commit(
            Flush(
                ranges=(part,),
                tables={"usage": {APP: rows("usage", usage(minute=at_))}, "flushes": {APP: rows("flushes", record)}},
            )
        )


def test_only_files_that_can_hold_the_window_are_needed(anywhere: LakeSettings):
    fill_days(anywhere)
    snapshot = Warehouse(anywhere).snapshot().snapshot

    def days(*window: timedelta | None) -> list[date]:
        start, end = (None if bound is None else NOON + bound for bound in window)
        return sorted(snapshot.within("usage", start, end)["day"].to_pylist())

    first, second, third = (NOON.date() + timedelta(days=number) for number in range(3))
    hour = timedelta(hours=1)
    assert days(None, None) == [first, second, third]
    assert days(hour, None) == [second, third]
    assert days(None, timedelta()) == []
    assert days(timedelta(), 24 * hour) == [first]
    assert days(23 * hour, 25 * hour) == [second]


def test_a_question_opens_no_file_outside_its_window(local: LakeSettings):
    fill_days(local)
    for path in Path(local.url, "usage").glob("day=2026-03-0[13]/*.parquet"):
        path.write_bytes(b"not Parquet")

    answer = Warehouse(local).ask("spend", ALL, start="2026-03-02", end="2026-03-03")

    assert answer["calls"].to_pylist() == [1]


def test_names_of_directories_are_no_patterns_and_no_columns(tmp_path: Path):
    odd = LakeSettings(url=str(tmp_path / "tenant=x [a]*?'"))
    Lake.open(odd).commit(flush_of(stretch(0, 3)))

    answer = Warehouse(odd).ask("spend", ALL)

    assert answer.to_pylist()[0]["tenant"] == "acme"


def test_a_lake_that_went_away_is_unavailable(local: LakeSettings):
    Lake.open(local).commit(flush_of(stretch(0, 3)))
    warehouse = Warehouse(local)
    snapshot = warehouse.snapshot()

    with away(Path(local.url)):
        with pytest.raises(LakeUnavailable):
            warehouse.ask("spend", ALL)
        with pytest.raises(LakeUnavailable):
            snapshot.ask("spend", ALL)


def test_questions_are_asked_by_several_threads_at_once(local: LakeSettings):
    Lake.open(local).commit(flush_of(stretch(0, 3)))
    warehouse = Warehouse(local)
    answers: list[int] = []

    threads = [
        threading.Thread(target=lambda: answers.extend(warehouse.ask("spend", ALL)["calls"].to_pylist()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [3] * 4


def test_a_question_has_the_memory_and_threads_of_the_settings_and_fetches_nothing(local: LakeSettings):
    names = ("memory_limit", "threads", "TimeZone", "autoinstall_known_extensions")

    with connect(replace(local, query_memory_mib=64, query_threads=1)) as connection:
        row = connection.sql("SELECT " + ", ".join(f"current_setting('{name}')" for name in names)).fetchall()

    assert row == [("64.0 MiB", 1, "UTC", False)]


def test_unknown_questions_and_parameters_are_refused_before_the_lake_is_read(local: LakeSettings):
    Lake.open(local)
    warehouse = Warehouse(local)

    with pytest.raises(BadQuestion, match=r"no question 'spent'; there are calls, .*spend"):
        warehouse.ask("spent", ALL)
    with pytest.raises(BadQuestion, match=r"spend takes .*by.*, not colour"):
        warehouse.ask("spend", ALL, colour="red")


def test_every_question_says_what_it_answers():
    questions = [load_question(name) for name in question_names()]

    assert all(question.summary and question.reads and question.gives for question in questions)
