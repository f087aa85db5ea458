"""Laws of the once rules over random forests of spans: what may never change what is billed."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import polars as pl
import pyarrow as pa

from tests.warehouse.told import in_ledgers, span, table, tool
from warehouse import once

FORESTS = 150
Rows = list[dict[str, Any]]


@cache
def forests() -> tuple[Rows, ...]:
    """Random traces: calls, tools and agents nested at random, some with ids, usage, tenants, some that failed."""
    seeded = random.Random(20261121)
    return tuple(_forest(seeded) for _ in range(FORESTS))


def _forest(seeded: random.Random) -> Rows:
    rows: Rows = []
    for number in range(seeded.randint(1, 9)):
        parent = seeded.choice([None, *(f"s{n}" for n in range(number))])
        at = seeded.randrange(3) * 200
        make: Callable[..., dict[str, Any]] = seeded.choice([span, span, tool])
        failed = seeded.random() < 0.2
        usage = (
            {}
            if failed or make is tool or seeded.random() < 0.3
            else {"input_tokens": seeded.randrange(3), "output_tokens": 5}
        )
        rows.append(
            make(
                f"s{number}",
                parent,
                at=at + number,
                trace=seeded.choice("tu") if parent is None else "t",
                tenant=seeded.choice(["acme", None]),
                response_id=seeded.choice([None, None, "msg_1a2b3c4d", "msg_5e6f7a8b"]) if make is span else None,
                convention=seeded.choice(["otel_genai", "openinference"]),
                status="error" if failed else "ok",
                **usage,
            )
        )
    return rows


def apply(change: Callable[[int, Rows], Rows]) -> pa.Table:
    """The rules on all forests at once, each in a ledger of its own and changed."""
    return once.apply(table(*in_ledgers(change(n, rows) for n, rows in enumerate(forests()))))


def billed(spans: pa.Table) -> list[tuple[Any, ...]]:
    """What is billed, in an order of its own."""
    names = [
        "_ledger",
        "trace_id",
        "span_id",
        "input_tokens",
        "output_tokens",
        "tenant",
        "response_id",
        "response_model",
    ]
    frame = pl.DataFrame(spans.select([*names, "billable"])).filter("billable").select(names)
    return sorted(frame.rows(), key=str)


@cache
def plain() -> pa.Table:
    return apply(lambda _, rows: rows)


def test_permuting_spans_changes_nothing_that_is_billed():
    permuted = apply(lambda n, rows: random.Random(n).sample(rows, len(rows)))

    assert billed(permuted) == billed(plain())


def test_sending_everything_twice_changes_nothing_that_is_billed():
    assert billed(apply(lambda _, rows: rows + rows)) == billed(plain())


def test_wrapping_every_root_in_an_agent_changes_nothing_that_is_billed():
    def wrapped(_: int, rows: Rows) -> Rows:
        agents = [tool(f"agent{trace}", trace=trace, operation="invoke_agent", input_tokens=999) for trace in "tu"]
        return agents + [
            row | {"parent_span_id": row["parent_span_id"] or agents[row["trace_id"][:1] == b"u"]["span_id"]}
            for row in rows
        ]

    assert billed(apply(wrapped)) == billed(plain())


def test_what_replaces_a_span_is_billed_itself():
    frame = pl.DataFrame(plain().select(["_ledger", "span_id", "billable", "suppressed_by", "_why"]))

    billed_ids = set(frame.filter("billable").select("_ledger", "span_id").rows())
    named = set(frame.filter(pl.col("suppressed_by").is_not_null()).select("_ledger", "suppressed_by").rows())
    assert named
    assert named <= billed_ids


def test_a_span_is_billed_or_has_a_reason():
    frame = pl.DataFrame(plain().select(["billable", "_why"]))

    assert (frame["billable"] == frame["_why"].is_null()).all()
    assert 0 < frame["billable"].sum() < frame.height


def test_every_forest_with_a_call_bills_at_least_one():
    frame = pl.DataFrame(plain().select(["_ledger", "_model_call", "billable"]))

    by_forest = frame.group_by("_ledger").agg(pl.col("_model_call", "billable").any())
    assert by_forest.filter("_model_call")["billable"].all()
