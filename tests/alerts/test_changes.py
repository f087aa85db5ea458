"""What changed near the onset, and which calls are shown, from usage and spans of either ledger."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from alerts.evidence import Evidence, account_for, look_at
from alerts.incidents import Scope
from alerts.ledger import Ledger, MemoryLedger, by_minute
from alerts.minutes import to_time
from tests.alerts.ledgers import Bench, lake_bench
from tests.alerts.workload import DAY, FIRST, Spent, usage_table
from warehouse.schemas import SPANS, USAGE

MINUTE = timedelta(minutes=1)
START = FIRST + 8 * DAY
CHAT = Scope.of({"tenant": "acme", "feature": "chat"})
OLD = [Spent(minute=START - hours * 60, usd=1) for hours in (150, 30, 5)]


def usage(*spent: Spent, **named: str) -> pa.Table:
    """Usage, all of whose rows have these values."""
    table = usage_table(spent)
    for name, value in named.items():
        column = pa.array([value] * table.num_rows, pa.string())
        table = table.set_column(USAGE.get_field_index(name), USAGE.field(name), column)
    return table


def span(number: int, at: datetime, usd: str | None = "1", **more: object) -> dict[str, object]:
    """A billable call of acme's chat."""
    return {
        "day": at.date(), "trace_id": number.to_bytes(16), "span_id": number.to_bytes(8), "ended_at": at,
        "tenant": "acme", "feature": "chat", "principal": "key-1", "request_model": "gpt-4o", "billable": True,
        "service": "api", "service_version": "1.0", "cost_usd": None if usd is None else Decimal(usd), **more,
    }  # fmt: skip


def account(ledger: Ledger, scope: Scope = CHAT, minutes: int = 15) -> dict[str, list[object]]:
    evidence = Evidence(
        usage=ledger.usage_of,
        dearest=ledger.dearest,
        deploys=ledger.deploys,
        by_minute=partial(by_minute, ledger),
        watermark=to_time(START + minutes),
    )
    window = look_at(scope, to_time(START), to_time(START + minutes), evidence)
    return dict(account_for(window, Decimal(0), None, evidence))


def ledger_of(*tables: pa.Table, spans: list[dict[str, object]] | None = None) -> MemoryLedger:
    ledger = MemoryLedger()
    for table in tables:
        ledger.add_usage(table)
    ledger.span_rows = pa.Table.from_pylist(spans or [], schema=SPANS)
    return ledger


def changes(ledger: Ledger, scope: Scope = CHAT) -> list[tuple[str, str]]:
    return [(one.dimension, one.value) for one in account(ledger, scope)["changes"]]


def test_what_the_feature_never_had_is_new_since_it_came():
    new = Spent(minute=START + 3, usd=9, model="opus", principal="key-7", calls=4)
    ledger = ledger_of(usage(*OLD), usage(new, prompt_name="greeting", prompt_version="7"))

    found = {one.dimension: one for one in account(ledger)["changes"]}

    assert {name: one.value for name, one in found.items()} == {
        "model": "opus", "principal": "key-7", "prompt_version": "greeting@7",
    }  # fmt: skip
    assert (found["model"].first_seen_at, found["model"].calls, found["model"].cost_usd) == (
        to_time(START + 3), 4, Decimal(9),
    )  # fmt: skip


@pytest.mark.parametrize(("minutes_before", "new"), [(119, True), (121, False), (6 * DAY, False), (8 * DAY, True)])
def test_new_is_what_came_at_most_two_hours_before_and_not_in_the_week_before_that(minutes_before: int, new: bool):
    seen = Spent(minute=START - minutes_before, usd=2, model="opus")
    ledger = ledger_of(usage(*OLD), usage(seen, Spent(minute=START, usd=9, model="opus")))

    assert (("model", "opus") in changes(ledger)) == new


def test_a_new_value_of_next_to_nothing_is_not_told():
    ledger = ledger_of(usage(*OLD, Spent(minute=START, usd=100), Spent(minute=START, usd=1, principal="key-7")))

    assert changes(ledger) == []


def test_of_a_new_feature_the_tenant_says_what_is_new():
    new = Spent(minute=START, usd=9, feature="launch", principal="key-1", model="opus")
    ledger = ledger_of(usage(*OLD, new))

    launch = Scope.of({"tenant": "acme", "feature": "launch"})

    assert changes(ledger, launch) == [("feature", "launch"), ("model", "opus")]


def test_of_who_had_nothing_before_nothing_is_new_and_of_several_tenants_neither():
    ledger = ledger_of(usage(*OLD, Spent(minute=START, usd=9, tenant="globex")))

    assert changes(ledger, Scope.of({"tenant": "globex"})) == []
    assert changes(ledger, Scope.of({"model": "gpt-4o", "provider": None})) == []


def test_a_version_that_came_into_service_is_a_change_and_one_more_service_is_none():
    onset = to_time(START)
    spans = [span(1, onset - 150 * MINUTE), span(2, onset - 10 * MINUTE, service_version="1.1"),
             span(3, onset, service="batch", service_version="9")]  # fmt: skip
    ledger = ledger_of(usage(*OLD, Spent(minute=START, usd=9)), spans=spans)

    (change,) = account(ledger)["changes"]

    assert (change.dimension, change.value, change.first_seen_at) == (
        "service_version", "api 1.1", onset - 10 * MINUTE,
    )  # fmt: skip


def test_samples_are_the_dearest_calls_of_the_scope_each_of_another_trace():
    at = to_time(START)
    spans = [span(number, at, str(number)) for number in range(1, 6)]
    spans += [span(5, at, "4.5", span_id=b"another!"), span(8, at, "99", feature="search"), span(9, at, None),
              span(10, at - MINUTE, "99"), span(11, at, "99", billable=False)]  # fmt: skip

    found = account(ledger_of(usage(*OLD), spans=spans))["samples"]

    assert [(one.trace_id, one.cost_usd) for one in found] == [(f"{n:032x}", Decimal(n)) for n in (5, 4, 3)]


def test_samples_are_of_who_causes_it_and_of_when_it_had_begun():
    """Dear calls came before the loop, and beside it from another key."""
    loop, before = to_time(START + 11), to_time(START + 3)
    spent = [Spent(minute=START + at, usd=1, principal="key-1") for at in range(15)]
    spent += [Spent(minute=START + at, usd=20, principal="key-7") for at in range(10, 15)]
    spans = [span(1, before, "15", principal="key-7"), span(2, loop, "16", principal="key-1"),
             span(3, loop, "2", principal="key-7")]  # fmt: skip

    there = ledger_of(usage(*OLD, *spent), spans=spans)

    assert [one.trace_id for one in account(there)["samples"]] == [f"{3:032x}"]


def test_contributors_name_prompt_version_and_route_where_there_are_any():
    ledger = ledger_of(
        usage(*OLD), usage(Spent(minute=START, usd=9), prompt_name="greeting", prompt_version="7", route="eu")
    )

    found = {(one.dimension, one.value): one.excess_usd for one in account(ledger)["contributors"]}

    assert found["prompt_version", "greeting@7"] == found["route", "eu"] == Decimal(9)
    assert "prompt_version" not in {one.dimension for one in account(ledger_of(usage(*OLD)))["contributors"]}


def test_a_lake_tells_the_same_as_memory(tmp_path: Path):
    rows = usage(*OLD, Spent(minute=START, usd=9, model="opus", principal=None))
    at = to_time(START)
    spans = [span(1, at - 150 * MINUTE), span(2, at, "3", service_version="1.1", response_model="opus"),
             span(2, at, "2", span_id=b"another!"), span(3, at, "4", tenant="globex"), span(4, at, None)]  # fmt: skip
    bench: Bench = lake_bench(tmp_path)
    bench.add_usage(rows, at, pa.Table.from_pylist(spans, schema=SPANS))

    here, there = (account(ledger) for ledger in (ledger_of(rows, spans=spans), bench.ledger))

    assert there == here
    assert [one.model for one in there["samples"]] == ["opus"]
    assert {one.dimension for one in there["changes"]} == {"model", "service_version"}
