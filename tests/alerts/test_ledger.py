"""The ledger contract, on memory and on a lake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from alerts.incidents import Scope, from_table, to_table
from alerts.ledger import Total
from alerts.minutes import to_time
from tests.alerts.ledgers import Bench, lake_bench, memory_bench
from tests.alerts.samples import explained, opened
from tests.alerts.workload import DAY, FIRST, START, Spent, usage_table


@pytest.fixture(params=[memory_bench, lake_bench], ids=["memory", "lake"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    make: Callable[[Path], Bench] = request.param
    return make(tmp_path)


def _rows(table: pa.Table, *names: str) -> list[tuple[object, ...]]:
    return sorted(tuple(row[name] for name in names) for row in table.to_pylist())


def test_nothing_was_ever_committed_to_an_empty_ledger(bench: Bench) -> None:
    ledger = bench.ledger

    assert ledger.watermark(START) is None
    assert ledger.last_version() is None
    assert ledger.events().num_rows == 0
    assert ledger.days(START, START + timedelta(days=1)) == {}
    assert ledger.usage(START, START + timedelta(days=1), ("tenant", "feature")).num_rows == 0


def test_partial_sums_of_a_minute_come_as_one_exact_row(bench: Bench) -> None:
    bench.add_usage(usage_table([Spent(minute=FIRST, usd="0.000000000001")]), START)
    bench.add_usage(usage_table([Spent(minute=FIRST, usd="12345678.9", calls=2)]), START)

    sums = bench.ledger.usage(START, START + timedelta(minutes=1), ("tenant", "feature"))

    assert _rows(sums, "minute", "tenant", "feature", "calls", "cost_usd") == [
        (START, "acme", "chat", 3, Decimal("12345678.900000000001"))
    ]


def test_usage_is_half_open_in_time(bench: Bench) -> None:
    bench.add_usage(usage_table(Spent(minute=FIRST + i, usd=i + 1) for i in range(3)), START)

    sums = bench.ledger.usage(to_time(FIRST + 1), to_time(FIRST + 2), ("tenant", "feature"))

    assert sums["cost_usd"].to_pylist() == [Decimal(2)]


def test_usage_of_a_scope_holds_nobody_elses(bench: Bench) -> None:
    spent = [
        Spent(minute=FIRST, usd=1),
        Spent(minute=FIRST, usd=2, feature=None),
        Spent(minute=FIRST, usd=4, tenant="globex"),
        Spent(minute=FIRST, usd=8, tenant=None, feature=None),
    ]
    bench.add_usage(usage_table(spent), START)
    end = START + timedelta(minutes=1)

    by_scope = {
        (tenant, feature): bench.ledger.usage_of(Scope.of({"tenant": tenant, "feature": feature}), START, end)
        for tenant, feature in [("acme", "chat"), ("acme", None), (None, None), ("nobody", None)]
    }

    assert {scope: rows["cost_usd"].to_pylist() for scope, rows in by_scope.items()} == {
        ("acme", "chat"): [Decimal(1)],
        ("acme", None): [Decimal(2)],
        (None, None): [Decimal(8)],
        ("nobody", None): [],
    }


def test_days_add_up_what_is_in_them_and_leave_out_what_is_not(bench: Bench) -> None:
    spent = [Spent(minute=FIRST, usd=1), Spent(minute=FIRST + 5, usd=None), Spent(minute=FIRST + 2 * DAY, usd=4)]
    bench.add_usage(usage_table(spent), START)

    days = bench.ledger.days(START, START + timedelta(days=3))

    assert days == {
        START.date(): Total(calls=2, cost_usd=Decimal(1)),
        (START + timedelta(days=2)).date(): Total(calls=1, cost_usd=Decimal(4)),
    }


def test_a_caught_up_ledger_is_known_until_its_last_commit_at_least(bench: Bench) -> None:
    bench.add_usage(usage_table([Spent(minute=FIRST, usd=1)]), START)

    watermark = bench.ledger.watermark(START + timedelta(seconds=30))

    assert watermark is not None
    assert START <= watermark <= START + timedelta(seconds=30)


def test_the_mark_changes_with_usage_and_with_nothing_else(bench: Bench) -> None:
    marks = [bench.ledger.mark(), bench.ledger.mark()]
    bench.add_usage(usage_table([Spent(minute=FIRST, usd=1)]), START)
    marks += [bench.ledger.mark(), bench.ledger.mark()]
    bench.ledger.append(to_table([opened()]), 0)
    marks.append(bench.ledger.mark())

    assert marks[0] == marks[1] != marks[2] == marks[3] == marks[4]


def test_of_two_commits_with_one_number_the_second_is_refused(bench: Bench) -> None:
    first, second = opened(), opened(feature="search")

    taken = [bench.ledger.append(to_table([first]), 0), bench.ledger.append(to_table([second]), 0)]

    assert taken == [True, False]
    assert bench.ledger.last_version() == 0
    assert from_table(bench.ledger.events()) == [first]


def test_events_come_back_as_they_were_committed(bench: Bench) -> None:
    events = [explained(opened()), opened(feature=None, tenant=None)]

    bench.ledger.append(to_table(events), 0)
    bench.ledger.append(to_table([opened(feature="later")]), 1)

    assert {event.event_id: event for event in from_table(bench.ledger.events())} == {
        event.event_id: event for event in [*events, opened(feature="later")]
    }
