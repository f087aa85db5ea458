"""A DuckDB file over the lake, opened as any client opens it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.faults import full_disk
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import NOON, flush_of, rows, stretch
from tests.warehouse.steps import at
from warehouse.attach import CannotAttach, attach
from warehouse.errors import LakeMissing, LakeUnavailable
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import TABLES
from warehouse.settings import LakeSettings

CLIENT = """
import duckdb, json, sys
with duckdb.connect(sys.argv[1], read_only=True) as client:
    print(json.dumps([client.sql(sql).fetchall() for sql in sys.argv[2:]], default=str))
"""


def ask_elsewhere(file: Path, *sql: str) -> list[list[list[object]]]:
    """What another process reads from the file, query by query; it knows nothing of us."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CLIENT, str(file), *sql],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers: list[list[list[object]]] = json.loads(done.stdout)
    return answers


def test_another_process_reads_one_snapshot_while_the_writer_goes_on(local: LakeSettings, tmp_path: Path):
    lake, file = open_lake(local), tmp_path / "lake.duckdb"
    lake.commit(flush_of(stretch(0, 3)))
    attached = attach(local, file)

    lake.commit(flush_of(stretch(3, 5)))

    spans, usage, flushes, ((taken_at, lake_id, place),) = ask_elsewhere(
        file,
        "SELECT count(*) FROM spans",
        "SELECT sum(calls)::INT, sum(cost_usd) FROM usage",
        "SELECT sum(spans)::INT FROM flushes",
        "SELECT taken_at, lake_id, lake FROM snapshot",
    )
    assert (spans, usage, flushes) == ([[3]], [[3, "3.000000000000"]], [[3]])
    assert datetime.fromisoformat(str(taken_at)) == attached.taken_at
    assert (lake_id, place) == (lake.id, local.url)


def test_attaching_between_the_tables_of_a_flush_shows_none_of_it(local: LakeSettings, tmp_path: Path):
    lake, file = open_lake(local), tmp_path / "lake.duckdb"

    lake.commit(flush_of(stretch(0, 3)), on_step=at("spans committed", lambda: attach(local, file)))

    assert views(file, "SELECT (SELECT count(*) FROM usage), (SELECT count(*) FROM spans)") == [(0, 0)]


def views(file: Path, sql: str) -> list[tuple[object, ...]]:
    """What we read from the file."""
    with duckdb.connect(str(file), read_only=True) as client:
        return client.sql(sql).fetchall()


def test_attaching_again_replaces_the_file_under_a_client_that_has_it_open(local: LakeSettings, tmp_path: Path):
    lake, file = open_lake(local), tmp_path / "lake.duckdb"
    lake.commit(flush_of(stretch(0, 3)))
    attach(local, file)

    with duckdb.connect(str(file), read_only=True) as client:
        lake.commit(flush_of(stretch(3, 5)))
        attach(local, file)
        old = client.sql("SELECT count(*) FROM spans").fetchall()

    assert old == [(3,)]
    assert ask_elsewhere(file, "SELECT count(*) FROM spans") == [[[5]]]
    assert [path.name for path in tmp_path.iterdir() if path != Path(local.url)] == ["lake.duckdb"]


def described(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """By view the names and types of its columns."""
    with duckdb.connect(str(file), read_only=True) as client:
        return {
            table: client.sql(f"FROM (DESCRIBE {table}) SELECT column_name, column_type").fetchall() for table in TABLES
        }


def test_every_view_has_the_columns_of_its_table_with_rows_and_without(local: LakeSettings, tmp_path: Path):
    lake, file = open_lake(local), tmp_path / "lake.duckdb"
    attach(local, file)
    empty = described(file)

    lake.commit(flush_of(stretch(0, 3)))
    lake.append_once("incidents", rows("incidents", {"event_id": "e", "recorded_at": NOON}), "alerts", 0)
    attach(local, file)

    assert described(file) == empty
    assert {table: [name for name, _ in columns] for table, columns in empty.items()} == {
        table: spec.schema.names for table, spec in TABLES.items()
    }


def test_money_is_that_of_the_reader(local: LakeSettings, tmp_path: Path):
    open_lake(local).commit(flush_of(stretch(0, 3)))
    attach(local, tmp_path / "lake.duckdb")

    total = Warehouse(local).ask("spend", ALL, by=())["cost_usd"][0].as_py()

    assert views(tmp_path / "lake.duckdb", "SELECT sum(cost_usd) FROM usage") == [(total,)] == [(Decimal(3),)]


def test_a_file_that_is_no_database_is_not_replaced(local: LakeSettings, tmp_path: Path):
    open_lake(local)
    precious = tmp_path / "thesis.txt"
    precious.write_text("years of work", encoding="utf-8")

    with pytest.raises(CannotAttach, match="is no DuckDB file"):
        attach(local, precious)
    with pytest.raises(CannotAttach, match="is no DuckDB file"):
        attach(local, tmp_path)

    assert precious.read_text(encoding="utf-8") == "years of work"


def test_a_lake_that_is_not_there_cannot_be_attached(local: LakeSettings, tmp_path: Path):
    with pytest.raises(LakeMissing):
        attach(local, tmp_path / "lake.duckdb")


def test_an_object_store_cannot_be_attached(tmp_path: Path):
    with pytest.raises(CannotAttach, match="object store"):
        attach(LakeSettings(url="s3://bucket/lake"), tmp_path / "lake.duckdb")


def test_what_cannot_be_written_leaves_the_old_file(local: LakeSettings, tmp_path: Path):
    file = tmp_path / "lake.duckdb"
    open_lake(local)
    attach(local, file)
    before = file.read_bytes()

    with full_disk(), pytest.raises(LakeUnavailable, match="cannot write"):
        attach(local, file)

    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path != Path(local.url)] == ["lake.duckdb"]
