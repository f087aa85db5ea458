"""Upkeep beside writers and readers: every row stands once, whoever dies, races or fails meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from deltalake import DeltaTable

from tests.warehouse import processes
from tests.warehouse.contents import assert_exactly_once, files, stored
from tests.warehouse.faults import full_disk
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import flush_of, stretch
from tests.warehouse.steps import at
from tests.warehouse.upkept import FILLED, WRITTEN, active, age, filled, later
from warehouse.lake.upkeep import Upkeep
from warehouse.settings import LakeSettings

LONG = pytest.mark.long
pytestmark = pytest.mark.usefixtures("settled")


@pytest.mark.long
@pytest.mark.parametrize(
    "step", ["usage rewritten", *(pytest.param(f"{table} rewritten", marks=LONG) for table in ("spans", "flushes"))]
)
def test_of_two_that_merge_the_same_files_one_loses_and_nothing_doubles(step: str, anywhere: LakeSettings):
    sent = filled(anywhere)
    theirs = Upkeep(anywhere)
    ours = Upkeep(anywhere, on_step=at(step, lambda: theirs.step(later(hours=2))))

    ours.step(later(hours=2))

    assert_exactly_once(anywhere, *sent)
    if "://" not in anywhere.url:
        assert [len(active(anywhere, table)) for table in WRITTEN] == [1, 1, 1]
        assert files(anywhere, "spans") == FILLED + 1  # the loser took its own away


def test_two_processes_that_look_after_a_lake_while_a_third_writes_lose_and_double_nothing(local: LakeSettings):
    sent = filled(local)
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


@pytest.mark.long
def test_a_writer_commits_over_a_merge_that_came_in_between(anywhere: LakeSettings):
    sent = filled(anywhere)
    lake, flush = open_lake(anywhere), flush_of(stretch(FILLED, FILLED + 1))

    lake.commit(flush, on_step=at("spans written", lambda: Upkeep(anywhere).step(later(hours=2))))

    assert_exactly_once(anywhere, *sent, flush)


def test_a_merge_gives_way_where_a_file_of_it_was_taken_out_meanwhile(local: LakeSettings):
    sent = filled(local)

    def erase() -> None:
        DeltaTable(f"{local.url}/spans").delete("source_offset = 1")

    Upkeep(local, on_step=at("spans rewritten", erase)).step(later(hours=2))

    assert len(stored(local, "spans")) == len(sent) - 1


STEPS = ("usage rewritten", "usage merged", "spans rewritten", "spans merged", "spans listed", "spans vacuumed")
QUICK = ("usage rewritten", "spans merged", "spans vacuumed")


@pytest.mark.parametrize("step", [step if step in QUICK else pytest.param(step, marks=LONG) for step in STEPS])
def test_who_dies_at_any_step_has_changed_no_row_and_the_next_one_ends_it(step: str, local: LakeSettings):
    sent = filled(local)

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
    sent = filled(local)
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


def test_a_full_disk_stops_a_merge_leaves_nothing_behind_and_the_next_pass_ends_it(local: LakeSettings):
    sent = filled(local)

    with full_disk():
        kept = Upkeep(local).step(later(hours=2))

    assert kept.merged == 0
    assert files(local, "spans") == FILLED
    assert_exactly_once(local, *sent)
    assert Upkeep(local).step(later(hours=2)).merged == FILLED * len(WRITTEN)
    assert_exactly_once(local, *sent)


def test_a_stop_is_heard_between_two_merges(local: LakeSettings):
    filled(local)
    done: list[str] = []
    upkeep = Upkeep(local, stop=lambda: "usage merged" in done, on_step=done.append)

    upkeep.step(later(hours=2))

    assert done == ["usage rewritten", "usage merged"]
