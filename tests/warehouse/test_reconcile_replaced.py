"""A newer export of the same replaces all that the older one said of the days that it covers, and says what stays."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from spanledger.__main__ import main
from tests.warehouse.billing import DAY, NOON, Books, Charge, billed, call, read
from tests.warehouse.settling import World
from warehouse.invoices.imports import COUNTING, Import
from warehouse.invoices.replacing import Replacement, find_replaced
from warehouse.reader import ALL, Warehouse

FIRST = NOON.date()
Days = dict[int, int]
"""Dollars by day after the first."""


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(World(tmp_path))


def at(day: int) -> dt.date:
    return FIRST + day * DAY


def bill(file: Path, days: Days, **values: Any) -> Path:
    """A bill of so many dollars a day."""
    told = {"model": "gpt-4o", "kind": "input"} | values
    return billed([Charge(day=at(day), tokens=10, cost=Fraction(usd), **told) for day, usd in days.items()], file)


def costs(file: Path, days: Days) -> Path:
    """Pages of OpenAI's costs: a bucket a day, without results where nothing was spent."""
    start = int(dt.datetime.combine(FIRST, dt.time(), dt.UTC).timestamp())
    buckets = [
        {
            "object": "bucket",
            "start_time": start + day * 86_400,
            "end_time": start + (day + 1) * 86_400,
            "results": [
                {
                    "object": "organization.costs.result",
                    "amount": {"value": usd, "currency": "usd"},
                    "line_item": "gpt-4o-2024-08-06, input",
                    "project_id": "proj",
                }
            ]
            * bool(usd),
        }
        for day, usd in days.items()
    ]
    file.write_text(json.dumps({"object": "page", "data": buckets}))
    return file


def counted(books: Books) -> dict[int, Decimal]:
    """Dollars of the lines that count, by day."""
    sums = f"SELECT day, sum(cost_usd) FROM ({COUNTING}) GROUP BY ALL ORDER BY ALL"  # noqa: S608 - our own text
    return {(day - FIRST).days: usd for day, usd in books.world.sql(sums, "invoices")}


def replaced(books: Books, *files: Path) -> list[Replacement] | None:
    """What is said before the files are imported."""
    how = Import(now=dt.datetime.now(dt.UTC), made_at=None, overlap="replace", rates={})
    snapshot = Warehouse(books.world.settings).snapshot().snapshot
    return find_replaced(books.world.settings, snapshot, [read(file) for file in files], how)


def test_days_that_a_newer_export_has_no_lines_of_vanish(books: Books, tmp_path: Path):
    books.take(bill(tmp_path / "old.csv", {0: 1, 1: 2, 2: 4, 3: 8}))
    newer = bill(tmp_path / "new.csv", {0: 1, 3: 9})

    said = replaced(books, newer)
    books.take(newer, overlap="replace")

    assert counted(books) == {0: 1, 3: 9}
    assert said == [
        Replacement(
            file="old.csv",
            replaced=4,
            replaced_from=at(0),
            replaced_to=at(3),
            outside=0,
            outside_from=None,
            outside_to=None,
            others=0,
        )
    ]
    assert replaced(books, newer) is None  # imported already


def test_days_beyond_those_of_a_newer_export_stay_and_are_named(books: Books, tmp_path: Path):
    books.take(bill(tmp_path / "old.csv", {0: 1, 1: 2, 2: 4, 3: 8}))
    books.take(bill(tmp_path / "month before.csv", {-30: 5}))
    newer = bill(tmp_path / "new.csv", {0: 1, 1: 1})

    (said,) = replaced(books, newer) or ()
    books.take(newer, overlap="replace")

    assert counted(books) == {-30: 5, 0: 1, 1: 1, 2: 4, 3: 8}
    assert (said.file, said.replaced, said.outside, said.outside_from, said.outside_to) == (
        *("old.csv", 2, 2),
        *(at(2), at(3)),
    )


def test_pages_tell_what_they_cover_by_buckets_without_results(books: Books, tmp_path: Path):
    books.take(costs(tmp_path / "old.json", {0: 1, 1: 2, 2: 4, 3: 8}))

    books.take(costs(tmp_path / "new.json", {0: 1, 1: 0, 2: 0}), overlap="replace")

    assert counted(books) == {0: 1, 3: 8}


def test_accounts_and_charges_that_a_newer_export_has_none_of_stay(books: Books, tmp_path: Path):
    books.take(bill(tmp_path / "a.csv", {0: 1, 1: 2}, account="a"), bill(tmp_path / "b.csv", {0: 4, 1: 8}, account="b"))
    books.take(bill(tmp_path / "credit.csv", {1: -1}, charge="credit", account="a"), overlap="add")

    books.take(costs(tmp_path / "other account.json", {0: 16}), overlap="replace")
    books.take(bill(tmp_path / "newer.csv", {0: 32, 2: 64}, account="a"), overlap="replace")

    assert counted(books) == {0: 4 + 16 + 32, 1: 8, 2: 64}


def test_a_file_of_a_gap_does_not_replace_what_another_file_of_the_run_has(books: Books, tmp_path: Path):
    books.take(bill(tmp_path / "old.csv", {0: 1, 1: 2, 5: 4, 9: 8}))

    books.take(bill(tmp_path / "1.csv", {0: 1, 2: 1}), bill(tmp_path / "2.csv", {8: 1, 9: 1}), overlap="replace")

    assert counted(books) == {0: 1, 2: 1, 5: 4, 8: 1, 9: 1}


def test_the_report_of_a_day_knows_of_a_newer_export_without_lines_of_it(books: Books, tmp_path: Path):
    books.fill([call("one", day=1)])
    books.take(bill(tmp_path / "old.csv", {0: 1, 1: 2, 2: 4}))
    books.take(bill(tmp_path / "new.csv", {0: 1, 2: 4}), overlap="replace")
    warehouse = Warehouse(books.world.settings)

    rows = warehouse.ask("reconciliation", ALL).to_pylist()

    assert [(row["day"], row["theirs_usd"]) for row in rows] == [(at(0), 1), (at(1), None), (at(2), 4)]
    assert warehouse.ask("reconciliation", ALL, start=at(1), end=at(2)).num_rows == 0


@pytest.mark.long
def test_the_verb_says_what_is_replaced_and_what_stays_until_it_is_told_that_it_is_covered(
    books: Books, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SPANLEDGER_LAKE", books.world.settings.url)
    books.fill([call(f"call {day}", day=day) for day in range(4)])
    books.take(bill(tmp_path / "old.csv", {0: 1, 1: 2, 2: 4, 3: 8}))
    newer = str(bill(tmp_path / "new.csv", {0: 1, 2: 4}))
    told = []
    for more in ([], ["--covers", f"{at(0)}..{at(3)}"], ["--covers", f"{at(1)}..{at(3)}"]):
        assert main(["reconcile", newer, "--overlap", "replace", *more]) in (0, 1)
        told.append(capsys.readouterr().err.splitlines()[:-1])

    why = "the new files do not cover them (if they do, run again with --covers)"
    assert told == [
        [
            "new.csv: 2 lines imported",
            f"old.csv: 3 lines of {at(0)} to {at(2)} replaced; 1 line of {at(3)} staying: {why}",
        ],
        [
            "new.csv: 2 lines imported",
            f"old.csv: 1 line of {at(3)} replaced",
            f"new.csv: 2 lines of {at(0)} to {at(2)} replaced",
        ],
        ["new.csv: imported already"],
    ]
    assert counted(books) == {0: 1, 2: 4}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--covers", "2026-11-01..2026-11-30"], "give --overlap replace too"),
        (["--covers", "2026-11", "--overlap", "replace"], "2026-11"),
        (["--covers", "2026-11-30", "--overlap", "replace"], "must be a first and a last day"),
        (["--covers", "2026-11-30..2026-11-01", "--overlap", "replace"], "must be a first and a last day"),
    ],
)
def test_days_that_are_none_are_refused(
    flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    books = Books(World(tmp_path))
    monkeypatch.setenv("SPANLEDGER_LAKE", books.world.settings.url)

    assert main(["reconcile", str(bill(tmp_path / "new.csv", {0: 1})), *flags]) == 2
    assert said in capsys.readouterr().err
    assert counted(books) == {}
