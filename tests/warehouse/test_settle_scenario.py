"""A month of one deployment with all that goes wrong, and the ledger that must come out of it to the picodollar.

Two tenants; an application behind a gateway that both report their calls, in traces of their own; a call that failed
and was tried again, a fallback to another model, a tool; an outcome six hours later and one that corrects it, spans two
days late, a model without a price, a price that changed on the tenth, a discount, a client that sent a batch twice.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from tests.quick import few
from tests.warehouse.settling import HOW, World, outcome
from tests.warehouse.told import span, tool

BOOK = """
[[price]]
provider = "house"
model = "house-7b"
from = 2026-10-01
usd_per_mtok = {input = "1", output = "2"}

[[price]]
provider = "house"
model = "house-7b"
from = 2026-11-10
usd_per_mtok = {input = "3", output = "4"}

[[price]]
provider = "openai"
model = "gpt-4o*"
tenant = "beta"
from = 2026-10-01
discount_percent = "10"
"""

NOVEMBER = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
END = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
GPT = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}  # 0.0035 USD
HOUSE = {"provider": "house", "request_model": "house-7b", "input_tokens": 1000, "output_tokens": 100}
UNKNOWN = {"provider": "house", "request_model": "nobody-knows", "input_tokens": 50, "output_tokens": 5}
FAILED = {"provider": "openai", "request_model": "gpt-4o", "status": "error", "error_class": "rate_limit"}


def at(row: dict[str, Any], day: float) -> dict[str, Any]:
    """The span so many days into November."""
    moved = NOVEMBER + dt.timedelta(days=day) - dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
    return row | {name: row[name] + moved for name in ("started_at", "ended_at", "received_at")}


def on(day: float, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [at(row, day) for row in rows]


FLUSHES: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]] = [
    # acme, task t1: an attempt that failed, one that worked, a tool; the agent that knows the tenant comes apart
    (on(2, span("a1", "agent", trace="t1", at=10, ms=20, attempt=1, **FAILED)), []),
    (
        on(
            2,
            span("a2", "agent", trace="t1", at=50, ms=40, attempt=2, response_id="chatcmpl-a27fc3e19b", **GPT),
            tool("tool", "agent", trace="t1", at=95, ms=2),
        ),
        [],
    ),
    (
        on(2, tool("agent", trace="t1", operation="invoke_agent", tenant="acme", feature="chat", task_id="t1", ms=200)),
        [outcome("success", "failure", task_id="t1", tenant="acme", source="evaluator")],
    ),
    # the gateway's own trace of the same call, by its id, from another service and partition
    (on(2, span("gw", trace="g1", at=52, ms=36, service="gateway", response_id="chatcmpl-a27fc3e19b", **GPT)), []),
    # a person says otherwise, six hours later
    ([], [outcome("success", "success", task_id="t1", tenant="acme", source="human", review_minutes=3.0)]),
    # beta, task t2: a fallback from the house model to gpt-4o, with a discount; unsafe
    (
        on(
            3,
            span(
                "b1",
                trace="t2",
                tenant="beta",
                task_id="t2",
                at=0,
                ms=10,
                route="primary",
                **HOUSE | {"status": "error"},
            ),
            span("b2", trace="t2", tenant="beta", task_id="t2", at=20, ms=10, route="fallback", **GPT),
        ),
        [outcome("safe", "unsafe", trace_id=b"t2".ljust(16, b"\0"), tenant="beta")],
    ),
    # the house model before and after its price changed; the client sends the second twice
    (on(8, span("h1", trace="t3", tenant="acme", **HOUSE)), []),
    (on(10, span("h2", trace="t4", tenant="acme", **HOUSE)), []),
    (on(10, span("h2", trace="t4", tenant="acme", **HOUSE)), []),
    # nobody has a price for it
    (on(11, span("u1", trace="t5", tenant="beta", **UNKNOWN)), []),
    # two days late: the wrapper of a call, which knows whose it is
    (on(12, span("w1", "wrapper", trace="t6", at=10, ms=20, **GPT)), []),
    (on(12, span("wrapper", trace="t6", tenant="beta", feature="batch", ms=50, **GPT)), []),
]

A_MONTH = dataclasses.replace(HOW, lookback_days=31)

EXPECTED = [
    # tenant, feature, model, outcome, safe, calls, retries, cost
    ("acme", "chat", "gpt-4o", "success", "unknown", 2, 1, Decimal("0.0035")),
    ("acme", None, "house-7b", "unknown", "unknown", 2, 0, Decimal("0.0012") + Decimal("0.0034")),
    ("beta", "batch", "gpt-4o", "unknown", "unknown", 1, 0, Decimal("0.00315")),
    ("beta", None, "gpt-4o", "unknown", "unsafe", 1, 0, Decimal("0.00315")),
    ("beta", None, "house-7b", "unknown", "unsafe", 1, 0, Decimal("0.0012")),
    ("beta", None, "nobody-knows", "unknown", "unknown", 1, 0, None),
]
TASKS = [("acme", "t1", 2, 1, "success", "human", 3.0), ("beta", "t2", 2, 1, "unknown", None, None)]


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], World]:
    file = tmp_path / "book.toml"
    file.write_text(BOOK)
    book = PriceBook.from_settings({}, str(file))
    return lambda name: World(tmp_path / name, book=book)


def booked(world: World) -> list[tuple[Any, ...]]:
    return world.sql(
        "SELECT tenant, feature, model, outcome, safe, sum(calls), sum(retries), "
        "CASE WHEN sum(priced_calls) > 0 THEN sum(cost_usd) END "
        "FROM ledger GROUP BY ALL HAVING sum(calls) <> 0 ORDER BY tenant, feature NULLS LAST, model",
        "ledger",
    )


def tasks(world: World) -> list[tuple[Any, ...]]:
    return world.sql(
        "SELECT tenant, task, sum(calls), sum(failed_calls), any_value(outcome), any_value(outcome_source), "
        "any_value(review_minutes) FROM ("
        "  FROM tasks QUALIFY row_number() OVER (PARTITION BY tenant, kind, task, hour ORDER BY settlement DESC) = 1"
        ") WHERE kind = 'task' AND spans > 0 GROUP BY tenant, task ORDER BY tenant, task",
        "tasks",
    )


@pytest.mark.parametrize("seed", few((0, 1, 8), 8))
def test_the_month_settles_to_the_same_ledger_in_any_order_and_however_often(seed: int, make: Callable[[str], World]):
    world = make(str(seed))
    order = random.Random(seed)
    flushes = list(enumerate(FLUSHES))
    if seed:
        order.shuffle(flushes)
    for partition, (rows, outcomes) in flushes:
        world.flush(rows, outcomes, partition=partition)
        if order.random() < 0.3:
            world.settle(END, A_MONTH)

    world.settle(END, A_MONTH)

    assert booked(world) == EXPECTED
    assert tasks(world) == TASKS
    assert world.settle(END, A_MONTH).number == 0
