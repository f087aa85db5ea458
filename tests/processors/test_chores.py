"""The worker's chores: one at a time, at low priority, and a lake that is away stops no worker."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from processors.agents.chores import NICE, Chore, _be_nice, attempt
from warehouse.lake import Lake
from warehouse.lake.upkeep import Upkeep
from warehouse.settings import LakeSettings


def keep(upkeep: Upkeep) -> Chore:
    return Chore(what="look after the lake", every_s=1, do=lambda now, _: upkeep.step(now))


def test_a_pass_goes_over_the_whole_lake(tmp_path: Path):
    settings = LakeSettings(url=str(tmp_path / "lake"))
    Lake.open(settings)
    steps: list[str] = []

    with ThreadPoolExecutor(1) as thread:
        asyncio.run(attempt(keep(Upkeep(settings, on_step=steps.append)), thread, lambda: False))

    assert {"usage vacuumed", "incidents vacuumed"} <= set(steps)


def test_a_lake_that_is_away_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    upkeep = Upkeep(LakeSettings(url=str(tmp_path / "lake")))

    with ThreadPoolExecutor(1) as thread:
        asyncio.run(attempt(keep(upkeep), thread, lambda: False))

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot look after the lake now, trying again" in caplog.text


def test_only_the_thread_of_the_chores_is_nice():
    with ThreadPoolExecutor(1, initializer=_be_nice) as thread:
        theirs = thread.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()

    assert (theirs, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())) == (NICE, 0)
