"""Files of the books: the log knows their ends, so that a window reads those that it is about and hints are true."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from spanledger.hints import extent
from tests.warehouse.settling import World
from tests.warehouse.test_closed_months import NOVEMBER, OCTOBER, ms
from tests.warehouse.told import span
from warehouse.reader import ALL, Warehouse

USED: dict[str, Any] = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def test_a_window_reads_the_files_of_the_books_that_it_can_hold(tmp_path: Path):
    world, first = World(tmp_path), OCTOBER + 9 * DAY
    for day in range(3):
        told = [span(f"{day}{n}", trace=f"{day}{n}", at=ms(first + day * DAY + n * HOUR), **USED) for n in range(20)]
        world.flush(told)
    world.settle(now=OCTOBER + 20 * DAY)

    snapshot = Warehouse(world.settings).snapshot().snapshot

    assert snapshot.files["ledger"]["latest"].null_count == 0
    days = [(first + n * DAY).date() for n in range(3)]
    assert sorted(snapshot.within("ledger", first + 20 * HOUR, None)["day"].to_pylist()) == days[1:]
    assert snapshot.within("ledger", first + 3 * DAY, None).num_rows == 0
    assert extent("ledger", snapshot) == "data are from 2026-10-10 00:00Z to the hour of 2026-10-12 19:00Z"


def test_what_is_booked_in_a_later_month_is_read_for_that_month(tmp_path: Path):
    world, first = World(tmp_path), OCTOBER + 9 * DAY
    world.flush([span("a", trace="a", at=ms(first), **USED)])
    world.settle(now=NOVEMBER + HOUR)
    world.close(OCTOBER.date(), now=NOVEMBER + HOUR)
    world.flush([span("late", trace="late", at=ms(first + HOUR), **USED)])
    world.settle(now=NOVEMBER + 3 * HOUR)

    warehouse = Warehouse(world.settings)
    (row,) = warehouse.ask("settled-spend", ALL, by="", start=NOVEMBER).to_pylist()

    assert row["calls"] == 1
    snapshot = warehouse.snapshot().snapshot
    assert snapshot.within("ledger", NOVEMBER, None).num_rows == 1
    assert extent("ledger", snapshot) == "data are from 2026-10-10 00:00Z to 2026-10-10"
