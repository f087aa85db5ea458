"""A lake that an earlier version wrote: columns that came since are added by who writes, and NULL to who reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from tests.warehouse import processes
from tests.warehouse.earlier import ADDED, forget, write_earlier
from tests.warehouse.fresh import IN_A_DIRECTORY
from tests.warehouse.samples import APP, flush_of, stretch
from warehouse.attach import attach
from warehouse.lake import Lake
from warehouse.lake.compaction import FEWEST
from warehouse.lake.place import Place
from warehouse.lake.upkeep import Upkeep
from warehouse.reader import ALL, Warehouse
from warehouse.settings import LakeSettings


@pytest.fixture
def earlier(anywhere: LakeSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LakeSettings]:
    """A lake with one call a flush, two flushes, by a version without ``ADDED``."""
    write_earlier(anywhere, monkeypatch)
    yield anywhere
    forget()


@pytest.fixture
def earlier_local(local: LakeSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[LakeSettings]:
    """The same in a directory."""
    write_earlier(local, monkeypatch)
    yield local
    forget()


def _spend(settings: LakeSettings) -> dict[str | None, Decimal]:
    answer = Warehouse(settings).ask("spend", ALL, by=["model"])
    return dict(zip(answer["model"].to_pylist(), answer["cost_usd"].to_pylist(), strict=True))


@IN_A_DIRECTORY
def test_who_only_reads_finds_nothing_in_columns_that_came_later(earlier: LakeSettings):
    assert _spend(earlier) == {None: Decimal(2)}
    assert "model" not in _columns(earlier, "usage")


def test_who_writes_adds_the_columns_and_both_kinds_of_rows_are_read(earlier: LakeSettings):
    lake = Lake.open(earlier)
    lake.commit(flush_of(stretch(2, 5), model="gpt-5"))

    assert {table for table, column in ADDED.items() if column in _columns(earlier, table)} == set(ADDED)
    assert _spend(earlier) == {None: Decimal(2), "gpt-5": Decimal(3)}
    assert Lake.open(earlier).next_offsets([APP])[APP]["usage"] == 5


@IN_A_DIRECTORY
def test_a_reader_that_was_there_before_goes_on(earlier: LakeSettings):
    reader = Warehouse(earlier)
    reader.ask("spend", ALL)

    Lake.open(earlier).commit(flush_of(stretch(2, 5), model="gpt-5"))

    assert reader.ask("spend", ALL, by=["model"])["model"].to_pylist() == ["gpt-5", None]


@IN_A_DIRECTORY
@pytest.mark.usefixtures("settled")
def test_files_of_both_kinds_are_merged(earlier: LakeSettings):
    lake = Lake.open(earlier)
    for offset in range(2, FEWEST + 2):
        lake.commit(flush_of(stretch(offset, offset + 1), model="gpt-5"))

    kept = Upkeep(earlier).step(datetime.now(UTC))

    assert kept.merged >= FEWEST
    assert _spend(earlier) == {None: Decimal(2), "gpt-5": Decimal(FEWEST)}


def test_a_file_of_views_reads_both_kinds(earlier_local: LakeSettings, tmp_path: Path):
    Lake.open(earlier_local).commit(flush_of(stretch(2, 5), model="gpt-5"))
    attach(earlier_local, tmp_path / "views.duckdb")

    with duckdb.connect(str(tmp_path / "views.duckdb"), read_only=True) as views:
        found = views.sql("FROM usage SELECT model, sum(calls)::BIGINT GROUP BY ALL ORDER BY ALL").fetchall()

    assert found == [("gpt-5", 3), (None, 2)]


def test_workers_that_come_at_once_add_the_columns_once(earlier_local: LakeSettings):
    streams = [f"cluster/topic/{number}" for number in range(1, 5)]

    codes = processes.run(processes.commit_ranges, [(earlier_local, [stretch(0, 1, app)]) for app in streams])

    assert codes == [0] * len(streams)
    assert len(set(_columns(earlier_local, "usage"))) == len(_columns(earlier_local, "usage"))
    assert _spend(earlier_local) == {None: Decimal(2 + len(streams))}


def _columns(settings: LakeSettings, table: str) -> Sequence[str]:
    place = Place.of(settings)
    delta = DeltaTable(place.table_url(table), storage_options=dict(place.options))
    return [field.name for field in delta.schema().fields]
