"""Answers that are kept."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboards.answers import Kept, Source
from dashboards.settings import DashboardSettings
from tests.dashboards.ledgers import make_ledger
from tests.warehouse.samples import APP, rows, stretch, usage
from warehouse.lake import Flush, Lake


def test_an_answer_is_asked_for_once_and_the_oldest_is_forgotten():
    asked: list[int] = []
    kept = Kept(most=2)

    for key in (1, 1, 2, 1, 3, 1, 2):
        kept.get(key, lambda key=key: asked.append(key) or [])

    assert asked == [1, 2, 3, 2]


def test_of_several_readers_who_want_the_same_at_once_one_asks_for_it():
    asked: list[int] = []
    begun = threading.Barrier(4)
    kept = Kept()

    def slow() -> list[int]:
        asked.append(1)
        time.sleep(0.05)
        return asked

    def read(_: int) -> list[int]:
        begun.wait()
        return kept.get("what", slow)

    with ThreadPoolExecutor(4) as readers:
        answers = list(readers.map(read, range(4)))

    assert answers == [[1]] * 4


def test_what_could_not_be_found_is_asked_for_again():
    def fail() -> list[int]:
        raise ValueError("not now")

    kept = Kept()
    with pytest.raises(ValueError, match="not now"):
        kept.get("what", fail)

    assert kept.get("what", lambda: [1]) == [1]


def test_what_is_kept_is_of_one_snapshot(tmp_path: Path):
    lake = make_ledger(tmp_path / "lake")
    source = Source(lake, DashboardSettings())
    first = source.answers().ask("spend", by=())
    assert source.answers().ask("spend", by=()) is first

    more = {"usage": {APP: rows("usage", usage(calls=1))}}
    Lake.open(lake).commit(Flush(ranges=(stretch(100, 101),), tables=more))

    assert source.answers().ask("spend", by=())[0]["calls"] == first[0]["calls"] + 1


def test_scopes_share_no_answers(tmp_path: Path):
    lake = make_ledger(tmp_path / "lake")
    everybody, guest = Source(lake, DashboardSettings()), Source(lake, DashboardSettings(tenants=("acme",)))
    guest._kept = everybody._kept  # as if one process served both

    assert everybody.answers().ask("spend", by=())[0]["calls"] == 60
    assert guest.answers().ask("spend", by=())[0]["calls"] == 20
