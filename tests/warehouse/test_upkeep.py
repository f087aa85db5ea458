"""Upkeep beside writers and readers: every row stands once, whoever dies, races or reads meanwhile."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from tests.warehouse import processes
from tests.warehouse.contents import assert_exactly_once, files, stored
from tests.warehouse.faults import full_disk
from tests.warehouse.samples import APP, NOON, flush_of, rows, span, stretch, usage
from tests.warehouse.steps import at
from warehouse.lake import Flush, Lake
from warehouse.lake.compaction import FEWEST
from warehouse.lake.upkeep import TIDY_EVERY, Upkeep
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import COMMIT_ORDER
from warehouse.settings import LakeSettings

WRITTEN = ("usage", "spans", "flushes")
FILLED = 3


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written a moment ago may be merged."""
    monkeypatch.setattr("warehouse.lake.upkeep.SETTLED", timedelta(0))


def fill(settings: LakeSettings, first: int = 0, flushes: int = FILLED) -> list[Flush]:
    """So many flushes of one call each, and one more on top, whose files are the newest."""
    sent = [flush_of(stretch(offset, offset + 1)) for offset in range(first, first + flushes)]
    lake = Lake.open(settings)
    for flush in sent:
        lake.commit(flush)
        time.sleep(0.002)  # a file is merged when a later commit exists
    return sent


def later(**ago: float) -> datetime:
    """So long after now."""
    return datetime.now(UTC) + timedelta(**ago)


def active(settings: LakeSettings, table: str) -> list[str]:
    """Paths of the files that a table holds."""
    return [str(path) for path in DeltaTable(f"{settings.url}/{table}").file_uris()]


def age(settings: LakeSettings, **by: float) -> None:
    """Make everything in the lake's directories, and what the logs say was removed, so much older."""
    seconds = timedelta(**by).total_seconds()
    for path in Path(settings.url).rglob("*"):
        if path.is_file():
            if path.suffix == ".json" and path.stem.isdigit():
                _age_removals(path, int(seconds * 1000))
            os.utime(path, (path.stat().st_atime - seconds, path.stat().st_mtime - seconds))


def _age_removals(path: Path, by_ms: int) -> None:
    actions = [json.loads(line) for line in path.read_text().splitlines()]
    for action in actions:
        if "remove" in action:
            action["remove"]["deletionTimestamp"] -= by_ms
    path.write_text("\n".join(map(json.dumps, actions)))


def test_small_files_become_one_and_every_row_stays_once(anywhere: LakeSettings):
    sent = fill(anywhere, flushes=FEWEST + 1)

    kept = Upkeep(anywhere).step(datetime.now(UTC))

    assert kept.written == len(WRITTEN)
    assert kept.merged >= FEWEST * len(WRITTEN)
    assert_exactly_once(anywhere, *sent)
    assert Lake.open(anywhere).next_offsets([APP])[APP] == dict.fromkeys(COMMIT_ORDER, FEWEST + 1)
    assert Warehouse(anywhere).ask("spend", ALL)["cost_usd"].to_pylist() == [Decimal(FEWEST + 1)]


def test_a_second_pass_finds_nothing_to_do(local: LakeSettings):
    fill(local)
    Upkeep(local).step(later(hours=2))
    versions = Warehouse(local).versions()

    again = Upkeep(local).step(later(hours=4))

    assert (again.merged, again.written) == (0, 0)
    assert Warehouse(local).versions() == versions


def test_few_files_of_a_day_that_goes_on_are_let_be(local: LakeSettings):
    today = datetime.now(UTC)
    lake = Lake.open(local)
    for offset in range(3):
        calls = rows("usage", usage(minute=today))
        lake.commit(Flush(ranges=(stretch(offset, offset + 1),), tables={"usage": {APP: calls}}))

    assert Upkeep(local).step(today).merged == 0
    assert Upkeep(local).step(today + timedelta(days=2)).merged == 3


def test_the_commit_says_that_no_data_has_changed(local: LakeSettings):
    fill(local)
    Upkeep(local).step(later(hours=2))

    newest = max(Path(local.url, "spans", "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in newest.read_text().splitlines()]
    assert {action["remove"]["dataChange"] for action in actions if "remove" in action} == {False}
    assert [action["add"]["dataChange"] for action in actions if "add" in action] == [False]
    assert not any("txn" in action for action in actions)


def test_a_merged_file_is_in_the_order_of_its_times(local: LakeSettings):
    lake = Lake.open(local)
    for offset, minute in enumerate((5, 3, 4)):
        calls = rows("usage", *(usage(minute=NOON + timedelta(minutes=minute), tenant=name) for name in "ba"))
        lake.commit(Flush(ranges=(stretch(offset, offset + 1),), tables={"usage": {APP: calls}}))

    Upkeep(local).step(later(hours=2))

    (path,) = active(local, "usage")
    merged = pq.ParquetFile(path).read(columns=["minute", "tenant"]).to_pylist()
    assert [(row["minute"].minute, row["tenant"]) for row in merged] == [
        (minute, name) for minute in (3, 4, 5) for name in "ab"
    ]


def test_a_merged_file_takes_a_dictionary_where_users_come_again_and_again(local: LakeSettings):
    rng = random.Random(1)
    users = [rng.randbytes(16).hex() for _ in range(300)]
    lake = Lake.open(local)
    for offset in range(2):
        calls = (span(n, user_id=rng.choice(users), session_id=rng.randbytes(8).hex()) for n in range(1500))
        made = {APP: rows("spans", *calls)}
        lake.commit(Flush(ranges=(stretch(offset, offset + 1),), tables={"spans": made}))

    Upkeep(local).step(later(hours=2))

    (path,) = active(local, "spans")
    group = pq.read_metadata(path).row_group(0)
    has = {group.column(i).path_in_schema: group.column(i).has_dictionary_page for i in range(group.num_columns)}
    assert (has["user_id"], has["session_id"], has["tenant"]) == (True, False, True)


def test_files_that_a_reader_may_have_to_hide_are_let_be(local: LakeSettings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()  # of what is settled
    fill(local)

    assert Upkeep(local).step(later(hours=2)).merged == 0


@pytest.mark.parametrize("step", ["usage rewritten", "spans rewritten", "flushes rewritten"])
def test_of_two_that_merge_the_same_files_one_loses_and_nothing_doubles(step: str, anywhere: LakeSettings):
    sent = fill(anywhere)
    theirs = Upkeep(anywhere)
    ours = Upkeep(anywhere, on_step=at(step, lambda: theirs.step(later(hours=2))))

    ours.step(later(hours=2))

    assert_exactly_once(anywhere, *sent)
    if "://" not in anywhere.url:
        assert [len(active(anywhere, table)) for table in WRITTEN] == [1, 1, 1]
        assert files(anywhere, "spans") == FILLED + 1  # the loser took its own away


def test_two_processes_that_look_after_a_lake_while_a_third_writes_lose_and_double_nothing(local: LakeSettings):
    sent = fill(local)
    more = [stretch(offset, offset + 1) for offset in range(FILLED, FILLED + 8)]

    codes = processes.run(_work, [("keep", local, ()), ("keep", local, ()), ("write", local, more)])

    assert codes == [0, 0, 0]
    assert_exactly_once(local, *sent, *(flush_of(part) for part in more))


def _work(what: str, settings: LakeSettings, parts: tuple[object, ...]) -> None:
    if what == "write":
        processes.commit_ranges(settings, parts)  # type: ignore[arg-type]  # ranges, as the test made them
        return
    import warehouse.lake.upkeep as module

    module.SETTLED = timedelta(0)
    for _ in range(5):
        Upkeep(settings).step(later(hours=2))


def test_a_writer_commits_over_a_merge_that_came_in_between(anywhere: LakeSettings):
    sent = fill(anywhere)
    lake, flush = Lake.open(anywhere), flush_of(stretch(FILLED, FILLED + 1))

    lake.commit(flush, on_step=at("spans written", lambda: Upkeep(anywhere).step(later(hours=2))))

    assert_exactly_once(anywhere, *sent, flush)


def test_a_merge_gives_way_where_a_file_of_it_was_taken_out_meanwhile(local: LakeSettings):
    sent = fill(local)

    def erase() -> None:
        DeltaTable(f"{local.url}/spans").delete("source_offset = 1")

    Upkeep(local, on_step=at("spans rewritten", erase)).step(later(hours=2))

    assert len(stored(local, "spans")) == len(sent) - 1


STEPS = ("usage rewritten", "usage merged", "spans rewritten", "spans merged", "spans listed", "spans vacuumed")


@pytest.mark.parametrize("step", STEPS)
def test_who_dies_at_any_step_has_changed_no_row_and_the_next_one_ends_it(step: str, local: LakeSettings):
    sent = fill(local)

    codes = processes.run(_keep_and_die, [(local, step)])

    assert codes == [processes.DIED]
    assert_exactly_once(local, *sent)
    age(local, days=8)
    Upkeep(local).step(later(hours=2))
    assert_exactly_once(local, *sent)
    assert [len(active(local, table)) for table in WRITTEN] == [1, 1, 1]
    if step == "usage rewritten":  # its orphan is gone too; what was merged just now is kept
        assert files(local, "usage") == FILLED + 1


def _keep_and_die(settings: LakeSettings, last_step: str) -> None:
    import warehouse.lake.upkeep as module

    module.SETTLED = timedelta(0)
    Upkeep(settings, on_step=lambda step: os._exit(processes.DIED) if step == last_step else None).step(later(hours=2))


def test_who_is_killed_within_vacuum_has_changed_no_row(local: LakeSettings):
    sent = fill(local)
    Upkeep(local).step(later(hours=2))
    age(local, days=8)

    processes.run(_vacuum_and_die, [(replace(local), delay_s) for delay_s in (0.0, 0.002, 0.01, 0.03)])

    assert_exactly_once(local, *sent)
    Upkeep(local).step(later(hours=2))
    assert [files(local, table) for table in WRITTEN] == [1, 1, 1]
    assert_exactly_once(local, *sent)


def _vacuum_and_die(settings: LakeSettings, delay_s: float) -> None:
    import threading

    def die() -> None:
        time.sleep(delay_s)
        os._exit(processes.DIED)

    def on_step(step: str) -> None:
        if step == "usage listed":
            threading.Thread(target=die, daemon=True).start()

    Upkeep(settings, on_step=on_step).step(later(hours=2))


def test_a_question_to_an_older_snapshot_is_answered_after_merge_and_vacuum(local: LakeSettings):
    fill(local)
    before = Warehouse(local).snapshot()
    attached = before.ask("spend", ALL)

    kept = [Upkeep(local).step(later(hours=2)), Upkeep(local).step(later(hours=2))]

    assert [one.merged for one in kept] == [FILLED * len(WRITTEN), 0]
    assert before.ask("spend", ALL).equals(attached)
    assert set(before.snapshot.files["spans"]["path"].to_pylist()).isdisjoint(map(_name, active(local, "spans")))


def _name(path: str) -> str:
    return "/".join(Path(path).parts[-2:])


@pytest.mark.parametrize(("days", "left"), [(6, FILLED + 1), (8, 1)])
def test_what_was_merged_is_deleted_when_its_time_is_up(days: int, left: int, local: LakeSettings):
    sent = fill(local)
    Upkeep(local).step(later(hours=2))
    age(local, days=days)

    Upkeep(local).step(later(hours=2))

    assert files(local, "spans") == left
    assert_exactly_once(local, *sent)


def test_days_past_retention_leave_every_table_but_that_of_incidents(local: LakeSettings):
    fill(local)
    lake = Lake.open(local)
    lake.append_once("incidents", rows("incidents", {"event_id": "e", "recorded_at": NOON}), "alerts", 0)
    fresh = flush_of(stretch(FILLED, FILLED + 1), minute=datetime.now(UTC))
    lake.commit(Flush(ranges=fresh.ranges, tables={"usage": fresh.tables["usage"]}))

    kept = Upkeep(replace(local, retention_days=30)).step(NOON + timedelta(days=400))
    nothing = Upkeep(local).step(NOON + timedelta(days=400))

    assert (kept.expired, nothing.expired) == (3 + 1, 0)
    assert stored(local, "spans") == []
    assert len(stored(local, "incidents")) == 1
    assert lake.next_offsets([APP])[APP] == dict.fromkeys(COMMIT_ORDER, FILLED + 1)


def test_a_full_disk_stops_a_merge_leaves_nothing_behind_and_the_next_pass_ends_it(local: LakeSettings):
    sent = fill(local)

    with full_disk():
        kept = Upkeep(local).step(later(hours=2))

    assert kept.merged == 0
    assert files(local, "spans") == FILLED
    assert_exactly_once(local, *sent)
    assert Upkeep(local).step(later(hours=2)).merged == FILLED * len(WRITTEN)
    assert_exactly_once(local, *sent)


def test_a_stop_is_heard_between_two_merges(local: LakeSettings):
    fill(local)
    done: list[str] = []
    upkeep = Upkeep(local, stop=lambda: "usage merged" in done, on_step=done.append)

    upkeep.step(later(hours=2))

    assert done == ["usage rewritten", "usage merged"]


def test_the_log_is_kept_short(local: LakeSettings):
    settings = replace(local, checkpoint_commits=5)
    sent = fill(settings, flushes=12)
    age(settings, days=2)
    upkeep = Upkeep(settings)

    upkeep.step(datetime.now(UTC))
    upkeep.step(datetime.now(UTC) + TIDY_EVERY)

    entries = sorted(int(path.stem) for path in Path(settings.url, "spans", "_delta_log").glob("*.json"))
    assert entries[0] >= 5
    assert_exactly_once(settings, *sent)
    assert Lake.open(settings).next_offsets([APP])[APP]["spans"] == 12


@pytest.mark.parametrize("table", ["outcomes", "usage", "safety", "gpu_samples", "token_samples", "spans", "flushes"])
def test_every_table_merges_rows_with_and_without_values(
    table: str, local: LakeSettings, every_kind: Callable[..., Flush]
):
    lake = Lake.open(local)
    sent = [every_kind(table, offset) for offset in range(3)]
    for flush in sent:
        lake.commit(flush)

    Upkeep(local).step(later(hours=2))

    assert len(active(local, table)) == 1
    assert_exactly_once(local, *sent)


@pytest.fixture
def every_kind() -> Callable[..., Flush]:
    """A flush with a full row and an empty one."""
    from tests.warehouse.test_lake_rows import full_and_empty

    return lambda table, at: Flush(ranges=(stretch(at, at + 1),), tables={table: {APP: full_and_empty(table)}})
