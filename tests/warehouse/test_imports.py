"""Files of bills that tell of the same: what is refused, what goes together, and which lines count."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.warehouse.billing import NOON, Books, Charge, billed, call
from tests.warehouse.settling import World
from warehouse.invoices.files import BadInvoice
from warehouse.invoices.imports import COUNTING
from warehouse.reader import ALL, Warehouse

BILLS = Path(__file__).parent / "bills"
COSTS, USAGE = BILLS / "openai_costs.json", BILLS / "openai_usage.json"
"""USD 2.668374 on 20 November 2026 and 0.06 on the next day; counts of the first."""
DAY = NOON.date()


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(World(tmp_path))


def generic(file: Path, *, charge: str = "usage", day: dt.date = DAY, costs: bool = True) -> Path:
    """A dollar for ten tokens of a day."""
    line = Charge(day=day, model="gpt-4o", kind="input", tokens=10, cost=Fraction(1), charge=charge)
    return billed([line], file, costs=costs)


def counted(books: Books) -> dict[str, Decimal]:
    """USD of the lines that count, by format."""
    sums = f"SELECT format, sum(cost_usd) FROM ({COUNTING}) GROUP BY ALL"  # noqa: S608 - our own text
    return dict(books.world.sql(sums, "invoices"))


def test_the_same_bill_in_two_formats_is_refused_as_in_two_files(books: Books, tmp_path: Path):
    same = generic(tmp_path / "same.csv")
    books.take(COSTS)

    with pytest.raises(
        BadInvoice, match=r"same\.csv tells of 2026-11-20 as openai_costs\.json does, .*--overlap replace"
    ):
        books.take(same)

    assert set(counted(books)) == {"openai_costs"}


def test_two_formats_of_the_same_in_one_run_are_refused_before_anything_is_imported(books: Books, tmp_path: Path):
    same = generic(tmp_path / "same.csv")

    for overlap in ("refuse", "replace"):
        with pytest.raises(BadInvoice, match=r"in another format: give one of them, or say --overlap add"):
            books.take(COSTS, same, overlap=overlap)

    assert counted(books) == {}
    books.take(COSTS, same, overlap="add")
    assert counted(books) == {"openai_costs": Decimal("2.728374"), "generic": 1}


def test_counts_beside_costs_and_other_charges_and_days_go_together(books: Books, tmp_path: Path):
    credit = generic(tmp_path / "credit.csv", charge="credit")
    later = generic(tmp_path / "later.csv", day=DAY + dt.timedelta(days=2))

    books.take(COSTS, USAGE)
    books.take(credit, later)

    assert counted(books) == {"openai_costs": Decimal("2.728374"), "openai_usage": None, "generic": 2}


def test_counts_of_two_formats_are_refused(books: Books, tmp_path: Path):
    books.take(USAGE)

    with pytest.raises(BadInvoice, match=r"counts\.csv tells of 2026-11-20 as openai_usage\.json does"):
        books.take(generic(tmp_path / "counts.csv", costs=False))


def test_a_newer_export_in_another_format_replaces_the_costs_of_its_days(books: Books, tmp_path: Path):
    books.take(COSTS, USAGE)
    books.fill([call("one")])

    books.take(generic(tmp_path / "newer.csv"), overlap="replace")

    assert counted(books) == {"openai_costs": Decimal("0.06"), "openai_usage": None, "generic": 1}
    (first, _) = Warehouse(books.world.settings).ask("reconciliation", ALL).to_pylist()
    assert (first["day"], first["theirs_usd"]) == (DAY, 1)
