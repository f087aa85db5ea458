"""Statements summed up, and as files."""

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboards.answers import Source
from dashboards.period import Period, resolve, whole_months
from dashboards.settings import DashboardSettings
from dashboards.statements import months_of, months_told, statement_file, summed, total_of
from tests.dashboards.ledgers import make_empty_ledger
from warehouse.scope import ALL

MARCH = date(2026, 3, 1)
OPEN = Period(name="All time", phrase="so far", start=None, end=None)


def line(
    tenant: str | None, kind: str, cost: str | None, calls: int | None = 1, priced: int | None = 1
) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "period": MARCH,
        "line": kind,
        "calls": calls,
        "priced_calls": priced,
        "cost_usd": Decimal(cost) if cost else None,
    }


def test_a_statement_adds_up_and_says_what_has_no_price():
    lines = [
        line("acme", "direct", "2"),
        line("acme", "adjustment", "-0.5"),
        line("acme", "allocated", "1", None, None),
        line("globex", "direct", None, 3, 0),
    ]

    acme, globex = summed(lines, "tenant")

    assert (acme["direct"], acme["adjustment"], acme["allocated"], acme["cost_usd"]) == tuple(
        map(Decimal, ("2", "-0.5", "1", "2.5"))
    )
    assert (globex["cost_usd"], globex["unpriced_calls"], globex["lines"]) == (None, 3, ("direct",))
    assert total_of([acme, globex], "cost_usd") == Decimal("2.5")
    assert total_of([globex], "cost_usd") is None


@pytest.mark.parametrize(
    ("months", "words"),
    [
        ([MARCH], "March 2026"),
        ([MARCH, date(2026, 5, 1)], "March to May 2026"),
        ([date(2025, 12, 1), MARCH], "December 2025 to March 2026"),
    ],
)
def test_months_are_told_in_words(months: list[date], words: str):
    assert months_told(months) == words


WRITES = "import sys; open(sys.argv[sys.argv.index('--out') + 1], 'w').write(' '.join(sys.argv[1:-2]))"


def test_a_file_is_asked_for_within_the_scope_and_the_months():
    now = datetime(2026, 3, 15, tzinfo=UTC)
    period = whole_months(resolve("Last 30 days", now, ZoneInfo("UTC")), now)

    words = statement_file((sys.executable, "-c", WRITES), frozenset({"acme", None}), "tenant", period, "pdf").decode()

    assert words == (
        "report chargeback --by=tenant --from=2026-02-01 --to=2026-04-01 "
        "--tenant=unattributed --tenant=acme --format=pdf"
    )


def test_a_scope_of_nobody_is_no_scope_of_everybody():
    with pytest.raises(ValueError, match="nobody"):
        statement_file((sys.executable, "-c", WRITES), frozenset(), "tenant", OPEN, "csv")


def test_an_open_period_asks_for_all_months():
    assert months_of(OPEN) == {}


def test_tenants_that_are_chosen_only_narrow_what_a_reader_may_see(tmp_path: Path):
    lake = make_empty_ledger(tmp_path / "lake")
    everybody = Source(lake, DashboardSettings()).answers()
    guest = Source(lake, DashboardSettings(tenants=("acme",))).answers()

    assert everybody.within(()).scope is ALL
    assert everybody.within(("acme", None)).scope == {"acme", None}
    assert guest.within(("acme", "globex")).scope == {"acme"}
    assert guest.within(("globex",)).scope == frozenset()
