"""When the lake cannot be written, a commit says so, shows nothing half, and goes on when it can."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.warehouse.contents import assert_exactly_once, files
from tests.warehouse.faults import away, full_disk, read_only
from tests.warehouse.fresh import open_lake
from tests.warehouse.object_store import BUCKET, object_store
from tests.warehouse.samples import APP, NOON, flush_of, rows, stretch
from tests.warehouse.steps import at
from warehouse.errors import LakeMissing, LakeUnavailable
from warehouse.lake import Flush, Lake
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import COMMIT_ORDER
from warehouse.settings import LakeSettings

FAULTS: dict[str, Callable[[Path], AbstractContextManager[None]]] = {
    "a full disk": lambda _: full_disk(),
    "a read-only lake": read_only,
    "a lake that is away": away,
}


@pytest.fixture
def settings() -> Iterator[LakeSettings]:
    """A lake that a process without privileges can reach too."""
    directory = Path(tempfile.mkdtemp(prefix="lake-"))
    directory.chmod(0o755)
    yield LakeSettings(url=str(directory / "lake"))
    shutil.rmtree(directory)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("empty", [False, True], ids=["rows", "no rows"])
def test_a_commit_that_cannot_be_written_is_refused_and_succeeds_later(fault: str, empty: bool, settings: LakeSettings):
    flush = Flush(ranges=(stretch(0, 4),)) if empty else flush_of(stretch(0, 4))
    lake = open_lake(settings)

    with FAULTS[fault](Path(settings.url)), pytest.raises(LakeUnavailable, match=r"cannot (read|write) .*: .+"):
        lake.commit(flush)

    assert_exactly_once(settings)
    lake.commit(flush)
    assert_exactly_once(settings, flush)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", ["usage written", "usage committed", "spans written"])
def test_a_fault_in_the_middle_of_a_commit_shows_nothing_half_and_is_healed_by_a_replay(
    fault: str, step: str, settings: LakeSettings
):
    flush = flush_of(stretch(0, 4))
    lake, warehouse = open_lake(settings), Warehouse(settings)

    with ExitStack() as faults:
        hook = at(step, lambda: faults.enter_context(FAULTS[fault](Path(settings.url))))
        with pytest.raises(LakeUnavailable):
            lake.commit(flush, on_step=hook)

    assert warehouse.ask("spend", ALL).num_rows == 0
    lake.commit(flush)
    assert_exactly_once(settings, flush)
    assert warehouse.ask("spend", ALL)["calls"].to_pylist() == [4]


def test_tries_on_a_full_disk_leave_no_files_behind(settings: LakeSettings):
    lake = open_lake(settings)

    for _ in range(3):
        with full_disk(), pytest.raises(LakeUnavailable, match="File too large"):
            lake.commit(flush_of(stretch(0, 4)))

    assert [files(settings, table) for table in COMMIT_ORDER] == [0] * len(COMMIT_ORDER)


def test_a_commit_whose_log_entry_was_refused_leaves_no_files_behind(settings: LakeSettings):
    lake = open_lake(settings)

    with ExitStack() as faults:
        hook = at("usage written", lambda: faults.enter_context(full_disk()))
        with pytest.raises(LakeUnavailable):
            lake.commit(flush_of(stretch(0, 4)), on_step=hook)

    assert lake.next_offsets([APP])[APP]["usage"] is None
    assert files(settings, "usage") == 0


def test_a_lake_that_can_only_be_read_can_be_asked(settings: LakeSettings):
    open_lake(settings).commit(flush_of(stretch(0, 4)))

    with read_only(Path(settings.url)):
        answer = Warehouse(settings).ask("spend", ALL)

    assert answer["calls"].to_pylist() == [4]


def test_an_event_that_cannot_be_written_is_refused_and_can_follow(settings: LakeSettings):
    lake = open_lake(settings)
    event = rows("incidents", {"event_id": "e", "recorded_at": NOON})

    with full_disk(), pytest.raises(LakeUnavailable):
        lake.append_once("incidents", event, "alerts", 0)

    assert lake.append_once("incidents", event, "alerts", 0)


@pytest.mark.parametrize("fault", ["a full disk", "a read-only lake"])
def test_a_lake_that_cannot_be_made_is_unavailable_and_can_be_made_later(fault: str, settings: LakeSettings):
    directory = Path(settings.url)
    directory.mkdir()

    with FAULTS[fault](directory), pytest.raises(LakeUnavailable, match="cannot create"):
        Lake.open(settings)

    assert Lake.open(settings).next_offsets([APP])[APP]["spans"] is None


def test_a_checkpoint_that_cannot_be_written_costs_no_commit(settings: LakeSettings, caplog: pytest.LogCaptureFixture):
    lake = Lake.open(LakeSettings(url=settings.url, checkpoint_commits=1))
    empty = Flush(ranges=(stretch(0, 1),))
    room_for_the_log = 2000

    with full_disk(room_for_the_log):
        lake.commit(empty)

    assert lake.next_offsets([APP])[APP]["spans"] == 1
    assert {record.message for record in caplog.records} == {"no checkpoint"}


def test_an_object_store_that_does_not_answer_is_unavailable_and_can_come_back():
    flush = flush_of(stretch(0, 4))
    with object_store() as store:
        settings = LakeSettings(url=f"s3://{BUCKET}/lake", storage_options=store.options())
        lake, warehouse = Lake.open(settings), Warehouse(settings)

        store.switch("off")
        with pytest.raises(LakeUnavailable, match="cannot read s3://bucket/lake"):
            lake.commit(flush)
        with pytest.raises(LakeUnavailable, match="cannot read s3://bucket/lake"):
            warehouse.ask("spend", ALL)
        store.switch("on")

        lake.commit(flush)
        assert_exactly_once(settings, flush)
        assert warehouse.ask("spend", ALL)["calls"].to_pylist() == [4]


def test_a_reader_of_a_lake_that_was_never_made_is_told_so(settings: LakeSettings):
    with pytest.raises(LakeMissing, match="SPANLEDGER_LAKE"):
        Warehouse(settings)
