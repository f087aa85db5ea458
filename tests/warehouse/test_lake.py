"""Opening and making lakes, and what a lake knows of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from tests.warehouse import processes
from tests.warehouse.contents import assert_exactly_once
from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, NOON, flush_of, rows, stretch
from warehouse.errors import LakeMismatch, LakeMissing
from warehouse.lake import Lake
from warehouse.lake.place import Place
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import COMMIT_ORDER, TABLES
from warehouse.settings import LakeSettings


def test_a_lake_is_made_once_and_keeps_its_id(anywhere: LakeSettings):
    first = Lake.open(anywhere)

    assert Lake.open(anywhere).id == first.id
    assert Lake.open(anywhere, create=False).id == first.id


def test_every_lake_has_an_id_of_its_own(local: LakeSettings):
    other = replace(local, url=local.url + "2")

    assert Lake.open(local).id != Lake.open(other).id


def test_processes_that_open_a_new_lake_at_once_get_one_lake_and_one_key(local: LakeSettings, tmp_path: Path):
    seen = [tmp_path / f"id{i}" for i in range(5)]

    codes = processes.run(processes.open_and_claim, [(local, f"key{i}", str(p)) for i, p in enumerate(seen)])

    assert sorted(code or 0 for code in codes) == [0] + [processes.LOST] * 4
    assert {path.read_text(encoding="utf-8") for path in seen} == {Lake.open(local).id}
    assert all(DeltaTable(f"{local.url}/{table}").version() == 0 for table in TABLES)


def test_without_create_a_missing_lake_is_missing_and_stays_so(anywhere: LakeSettings):
    with pytest.raises(LakeMissing, match="there is no lake"):
        Lake.open(anywhere, create=False)
    with pytest.raises(LakeMissing):
        Lake.open(anywhere, create=False)


def test_a_lake_may_be_named_by_a_file_url(tmp_path: Path):
    by_url = LakeSettings(url=f"{tmp_path.as_uri()}/my%20lake")
    by_path = LakeSettings(url=str(tmp_path / "my lake"))

    assert Lake.open(by_url).id == Lake.open(by_path, create=False).id


def test_a_table_with_columns_of_another_type_refuses_to_open(local: LakeSettings):
    Lake.open(local)
    schema = pa.schema([TABLES["usage"].schema.field("day"), pa.field("calls", pa.string())])
    DeltaTable.create(f"{local.url}/usage", schema, mode="overwrite", partition_by=["day"])

    with pytest.raises(LakeMismatch, match=r"table usage has columns of another type.*: calls;"):
        Lake.open(local)


def test_columns_that_a_later_version_added_are_let_be(local: LakeSettings):
    lake = Lake.open(local)
    later = pa.schema([*TABLES["usage"].schema, pa.field("carbon_g", pa.float64())])
    DeltaTable.create(f"{local.url}/usage", later, mode="overwrite", partition_by=["day"])

    again = Lake.open(local)
    again.commit(flush_of(stretch(0, 1)))

    assert again.id == lake.id
    assert DeltaTable(f"{local.url}/usage").to_pyarrow_table()["carbon_g"].null_count == 1


def test_a_lake_of_another_format_refuses_to_open(local: LakeSettings):
    Lake.open(local)
    DeltaTable(f"{local.url}/identity").alter.set_table_description("spanledger lake, format 99")

    with pytest.raises(LakeMismatch, match=r"format 99.*this version writes.*format 1"):
        Lake.open(local)


def test_the_first_user_key_stands(anywhere: LakeSettings):
    lake = open_lake(anywhere)

    lake.claim_user_key("aaaa")
    lake.claim_user_key("aaaa")

    with pytest.raises(LakeMismatch, match="fingerprint aaaa, ours is bbbb"):
        open_lake(anywhere).claim_user_key("bbbb")


def test_next_offsets_are_those_of_every_table(anywhere: LakeSettings):
    lake = open_lake(anywhere)

    lake.commit(flush_of(stretch(0, 7)))

    assert lake.next_offsets([APP, "other"]) == {
        APP: dict.fromkeys(COMMIT_ORDER, 7),
        "other": dict.fromkeys(COMMIT_ORDER),
    }


def test_next_offsets_tell_where_tables_disagree(local: LakeSettings):
    def stop(step: str) -> None:
        if step == "usage committed":
            raise InterruptedError

    lake = open_lake(local)
    with pytest.raises(InterruptedError):
        lake.commit(flush_of(stretch(0, 7)), on_step=stop)

    assert open_lake(local).next_offsets([APP])[APP] == {
        "outcomes": 7,
        "usage": 7,
        "safety": None,
        "gpu_samples": None,
        "token_samples": None,
        "spans": None,
        "flushes": None,
    }


def test_an_event_is_appended_once_under_its_number(anywhere: LakeSettings):
    event = rows("incidents", {"event_id": "e", "recorded_at": NOON})
    ours, theirs = open_lake(anywhere), open_lake(anywhere)

    assert ours.append_once("incidents", event, "alerts", 0)
    assert not theirs.append_once("incidents", event, "alerts", 0)
    assert theirs.append_once("incidents", event, "alerts", 1)
    assert ours.last_version("incidents", "alerts") == 1
    assert ours.last_version("incidents", "nobody") is None
    assert (
        DeltaTable(Place.of(anywhere).table_url("incidents"), storage_options=dict(anywhere.storage_options)).version()
        == 2
    )


def test_the_log_is_summed_up_every_so_many_commits(local: LakeSettings):
    lake = open_lake(replace(local, checkpoint_commits=3))

    for offset in range(7):
        lake.commit(flush_of(stretch(offset, offset + 1)))

    found = sorted(Path(local.url, "spans", "_delta_log").glob("*.checkpoint.parquet"))
    assert [int(path.name.partition(".")[0]) for path in found] == [3, 6]
    assert open_lake(local).next_offsets([APP])[APP]["spans"] == 7


def test_a_long_summary_is_written_less_often(local: LakeSettings):
    lake = open_lake(replace(local, checkpoint_commits=2))
    log = Path(local.url, "spans", "_delta_log")
    lake.commit(flush_of(stretch(0, 1)))
    lake.commit(flush_of(stretch(1, 2)))
    told = json.loads((log / "_last_checkpoint").read_text())
    (log / "_last_checkpoint").write_text(json.dumps(told | {"size": 2000}))  # as long as four commits

    for offset in range(2, 7):
        lake.commit(flush_of(stretch(offset, offset + 1)))

    assert sorted(int(path.name.partition(".")[0]) for path in log.glob("*.checkpoint.parquet")) == [2, 6]


def test_handles_that_have_seen_many_commits_are_opened_anew_and_miss_none(
    local: LakeSettings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("warehouse.lake.handle.REOPEN_COMMITS", 2)
    ours, theirs = open_lake(replace(local, checkpoint_commits=3)), open_lake(local)
    warehouse = Warehouse(local)
    seen = []

    for offset in range(8):
        (ours if offset % 2 else theirs).commit(flush_of(stretch(offset, offset + 1)))
        seen.append(warehouse.ask("spend", ALL, by=())["calls"][0].as_py())

    assert seen == list(range(1, 9))
    assert_exactly_once(local, *(flush_of(stretch(offset, offset + 1)) for offset in range(8)))
