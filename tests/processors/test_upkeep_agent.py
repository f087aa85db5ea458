"""The worker's upkeep agent: one pass at a time, at low priority, and a lake that is away stops no worker."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from processors.agents.upkeep import NICE, _be_nice, look_after
from warehouse.lake import Lake
from warehouse.lake.upkeep import Upkeep
from warehouse.settings import LakeSettings


def test_a_pass_goes_over_the_whole_lake(tmp_path: Path):
    settings = LakeSettings(url=str(tmp_path / "lake"))
    Lake.open(settings)
    steps: list[str] = []

    with ThreadPoolExecutor(1) as thread:
        asyncio.run(look_after(Upkeep(settings, on_step=steps.append), thread))

    assert {"usage vacuumed", "incidents vacuumed"} <= set(steps)


def test_a_lake_that_is_away_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    upkeep = Upkeep(LakeSettings(url=str(tmp_path / "lake")))

    with ThreadPoolExecutor(1) as thread:
        asyncio.run(look_after(upkeep, thread))

    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_only_the_thread_of_the_upkeep_is_nice():
    with ThreadPoolExecutor(1, initializer=_be_nice) as thread:
        theirs = thread.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()

    assert (theirs, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())) == (NICE, 0)
