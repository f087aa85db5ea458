"""Waiting until a deployment is drained, whoever comes first."""

import threading
import time
from pathlib import Path

import pytest

from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics
from spanledger import measure
from spanledger.errors import CannotRun
from spanledger.measure import wait_drained
from warehouse.lake import Lake
from warehouse.lake.handle import create_table
from warehouse.lake.identity import create_identity
from warehouse.lake.place import Place
from warehouse.schemas import TABLES
from warehouse.settings import LakeSettings


def test_a_lake_whose_tables_are_still_being_made_is_waited_for(kafka_settings: KafkaSettings, tmp_path: Path):
    ensure_topics(kafka_settings)
    lake = LakeSettings(url=str(tmp_path / "lake"))
    create_identity(Place.of(lake))
    create_table(Place.of(lake), "spans", TABLES["spans"].schema, configuration={})
    rest = threading.Timer(0.7, Lake.open, [lake])

    rest.start()
    began = time.monotonic()
    wait_drained(kafka_settings, tmp_path / "lake", within_s=30, check=lambda: None)

    assert time.monotonic() - began >= 0.7
    rest.join()


def test_no_lake_at_all_is_told_when_the_time_is_over(
    kafka_settings: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(measure, "POLL_S", 0.01)

    with pytest.raises(CannotRun, match="not drained within 0 s"):
        wait_drained(kafka_settings, tmp_path / "lake", within_s=0.1, check=lambda: None)
