"""Work in other processes, which start at once because they are forked from one that has imported everything."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from tests.forks import FORKS
from tests.warehouse.samples import flush_of
from warehouse.errors import WarehouseError
from warehouse.lake import Lake, Range
from warehouse.settings import LakeSettings

DIED = 86
LOST = 3


def run(function: Callable[..., object], calls: Sequence[tuple[Any, ...]], timeout_s: float = 60) -> list[int | None]:
    """Exit codes of one process per call, all of them at once."""
    processes = [FORKS.Process(target=function, args=call) for call in calls]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout_s)
        process.kill()
        process.join()
    return [process.exitcode for process in processes]


def commit_and_die(settings: LakeSettings, parts: tuple[Range, ...], last_step: str) -> None:
    """Commit a flush and be gone, without a word, right after a step."""
    Lake.open(settings, create=False).commit(flush_of(*parts), on_step=lambda step: _die_at(last_step, step))


def _die_at(last_step: str, step: str) -> None:
    if step == last_step:
        os._exit(DIED)


def open_and_claim(settings: LakeSettings, key: str, seen: str) -> None:
    """Open a lake that may not be there yet and claim its user key; the lake's id goes into the file ``seen``."""
    lake = Lake.open(settings)
    with open(seen, "w", encoding="utf-8") as file:  # noqa: PTH123 - a path as text travels between processes
        file.write(lake.id)
    try:
        lake.claim_user_key(key)
    except WarehouseError:
        os._exit(LOST)


def commit_ranges(settings: LakeSettings, parts: Sequence[Range]) -> None:
    """Commit ranges one after another, as a worker that knows of no other."""
    lake = Lake.open(settings, create=False)
    for part in parts:
        lake.commit(flush_of(part))
