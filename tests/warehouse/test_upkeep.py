"""Upkeep: small files become large ones, old ones go, and every row stands once."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.warehouse.contents import assert_exactly_once, files, stored
from tests.warehouse.fresh import IN_A_DIRECTORY, open_lake
from tests.warehouse.samples import APP, NOON, flush_of, rows, span, stretch, usage
from tests.warehouse.upkept import FILLED, WRITTEN, active, age, fill, filled, later
from warehouse.lake import Flush
from warehouse.lake.compaction import FEWEST
from warehouse.lake.upkeep import TIDY_EVERY, Upkeep
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import COMMIT_ORDER
from warehouse.settings import LakeSettings

pytestmark = pytest.mark.usefixtures("settled")


@IN_A_DIRECTORY
def test_small_files_become_one_and_every_row_stays_once(anywhere: LakeSettings):
    sent = fill(anywhere, flushes=FEWEST + 1)

    kept = Upkeep(anywhere).step(datetime.now(UTC))

    assert kept.written == len(WRITTEN)
    assert kept.merged >= FEWEST * len(WRITTEN)
    assert_exactly_once(anywhere, *sent)
    assert open_lake(anywhere).next_offsets([APP])[APP] == dict.fromkeys(COMMIT_ORDER, FEWEST + 1)
    assert Warehouse(anywhere).ask("spend", ALL)["cost_usd"].to_pylist() == [Decimal(FEWEST + 1)]


def test_a_second_pass_finds_nothing_to_do(local: LakeSettings):
    filled(local)
    Upkeep(local).step(later(hours=2))
    versions = Warehouse(local).versions()

    again = Upkeep(local).step(later(hours=4))

    assert (again.merged, again.written) == (0, 0)
    assert Warehouse(local).versions() == versions


def test_few_files_of_a_day_that_goes_on_are_let_be(local: LakeSettings):
    today = datetime.now(UTC)
    lake = open_lake(local)
    for offset in range(3):
        calls = rows("usage", usage(minute=today))
        lake.commit(Flush(ranges=(stretch(offset, offset + 1),), tables={"usage": {APP: calls}}))

    assert Upkeep(local).step(today).merged == 0
    assert Upkeep(local).step(today + timedelta(days=2)).merged == 3


def test_the_commit_says_that_no_data_has_changed(local: LakeSettings):
    filled(local)
    Upkeep(local).step(later(hours=2))

    newest = max(Path(local.url, "spans", "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in newest.read_text().splitlines()]
    assert {action["remove"]["dataChange"] for action in actions if "remove" in action} == {False}
    assert [action["add"]["dataChange"] for action in actions if "add" in action] == [False]
    assert not any("txn" in action for action in actions)


def test_a_merged_file_is_in_the_order_of_its_times(local: LakeSettings):
    lake = open_lake(local)
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
    lake = open_lake(local)
    for offset in range(2):
        calls = (span(n, user_id=rng.choice(users), session_id=rng.randbytes(8).hex()) for n in range(1500))
        made = {APP: rows("spans", *calls)}
        lake.commit(Flush(ranges=(stretch(offset, offset + 1),), tables={"spans": made}))

    Upkeep(local).step(later(hours=2))

    (path,) = active(local, "spans")
    group = pq.read_metadata(path).row_group(0)
    has = {group.column(i).path_in_schema: group.column(i).has_dictionary_page for i in range(group.num_columns)}
    assert (has["user_id"], has["session_id"], has["tenant"]) == (True, False, True)


def test_a_merged_file_is_compressed_though_its_sources_are_not(local: LakeSettings):
    filled(local)
    compressions = {part.compression for path in active(local, "spans") for part in parts_of(path)}
    assert compressions == {"UNCOMPRESSED"}

    Upkeep(local).step(later(hours=2))

    (path,) = active(local, "spans")
    how = {part.path_in_schema: (part.compression, part.encodings[-1]) for part in parts_of(path)}
    assert how["span_id"] == ("UNCOMPRESSED", "DELTA_LENGTH_BYTE_ARRAY")
    assert how["trace_id"] == ("ZSTD", "DELTA_LENGTH_BYTE_ARRAY")
    assert how["tenant"][0] == "ZSTD"


def parts_of(path: str) -> list[pq.ColumnChunkMetaData]:
    """What the columns of a file's first row group are."""
    group = pq.read_metadata(path).row_group(0)
    return [group.column(index) for index in range(group.num_columns)]


def test_files_that_a_reader_may_have_to_hide_are_let_be(local: LakeSettings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()  # of what is settled
    fill(local)

    assert Upkeep(local).step(later(hours=2)).merged == 0


def test_a_question_to_an_older_snapshot_is_answered_after_merge_and_vacuum(local: LakeSettings):
    filled(local)
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
    sent = filled(local)
    Upkeep(local).step(later(hours=2))
    age(local, days=days)

    Upkeep(local).step(later(hours=2))

    assert files(local, "spans") == left
    assert_exactly_once(local, *sent)


def test_days_past_retention_leave_every_table_but_that_of_incidents(local: LakeSettings):
    filled(local)
    lake = open_lake(local)
    lake.append_once("incidents", rows("incidents", {"event_id": "e", "recorded_at": NOON}), "alerts", 0)
    fresh = flush_of(stretch(FILLED, FILLED + 1), minute=datetime.now(UTC))
    lake.commit(Flush(ranges=fresh.ranges, tables={"usage": fresh.tables["usage"]}))

    kept = Upkeep(replace(local, retention_days=30)).step(NOON + timedelta(days=400))
    nothing = Upkeep(local).step(NOON + timedelta(days=400))

    assert (kept.expired, nothing.expired) == (3 + 1, 0)
    assert stored(local, "spans") == []
    assert len(stored(local, "incidents")) == 1
    assert lake.next_offsets([APP])[APP] == dict.fromkeys(COMMIT_ORDER, FILLED + 1)


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
    assert open_lake(settings).next_offsets([APP])[APP]["spans"] == 12


@pytest.mark.parametrize("table", ["outcomes", "usage", "safety", "gpu_samples", "token_samples", "spans", "flushes"])
def test_every_table_merges_rows_with_and_without_values(
    table: str, local: LakeSettings, every_kind: Callable[..., Flush]
):
    lake = open_lake(local)
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
