"""Questions to single spans know what settlement found: they agree with the books, and each tenant sees its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.settling import LATER, World
from tests.warehouse.told import span, tool
from warehouse.corrected import CORRECTED_SPANS, MADE_OF
from warehouse.questions import load_question, question_names
from warehouse.reader import ALL, Scope, Warehouse

CALL = {"provider": "openai", "request_model": "gpt-4o-mini", "input_tokens": 1000, "output_tokens": 100}
QUESTIONS: dict[str, dict[str, Any]] = {
    "calls": {},
    "dearest": {"limit": 10},
    "models": {},
    "priceable": {},
    "tools": {"by": ("tenant", "operation")},
}
"""With what they are asked, so that rows have a tenant."""


def ask(world: World, question: str, scope: Scope = ALL, **params: Any) -> list[dict[str, Any]]:
    return Warehouse(world.settings).ask(question, scope, **params).to_pylist()


def totals(rows: Iterable[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Sums by tenant and model; a row without a count is one call."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        for name in ("calls", "input_tokens", "output_tokens", "cost_usd"):
            found[row["tenant"], row["model"], name] += row.get(name, 1) or 0
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Settlement finds that a call was told twice and by whom, and whose another one is; later, for which feature."""
    world = World(tmp_path_factory.mktemp("world"))
    inside = [span("call", "agent", trace="agent", at=10, **CALL), tool("tool", "agent", trace="agent", at=120)]
    twice = {"response_id": "chatcmpl-0a1b2c3d4e5f6a7b8c9d", **CALL}
    inside.append(span("failed", "agent", trace="agent", at=200, status="error", error_class="rate_limit"))
    world.flush([*inside, span("one", trace="one", **twice), span("alone", trace="alone", tenant="acme", **CALL)])
    world.flush([span("other", trace="other", at=5, ms=80, tenant="beta", **twice)], partition=1)
    world.settle()
    whole = {"operation": "invoke_agent", "_role": "aggregate", "ms": 300, "trace": "agent"}
    for row in (tool("agent", "root", tenant="beta", **whole), tool("root", feature="support", **whole)):
        world.flush([row], partition=2)
        world.settle()
    late = span("late", trace="late", tenant="acme", **CALL)
    world.flush([late | {"received_at": LATER}], partition=3)
    return world


def test_a_trace_has_each_span_once_also_where_it_was_sent_again(tmp_path: Path):
    """Nobody states a repeated record anew, so it would show to the tenant that its flush had found."""
    world = World(tmp_path)
    call = span("call", "root", trace="t", at=10, tenant="beta", tenant_rank=9, **CALL)
    for partition in (0, 1):
        world.flush([call], partition=partition)
    world.flush(
        [tool("root", trace="t", tenant="acme", operation="invoke_agent", _role="aggregate", ms=300)], partition=2
    )
    world.settle()
    trace = {"trace_id": b"t".ljust(16, b"\0").hex()}

    assert len(ask(world, "trace", **trace)) == 2
    seen = {who: len(ask(world, "trace", frozenset({who}), **trace)) for who in ("acme", "beta")}
    assert seen["acme"] + seen["beta"] == 2


def test_the_world_is_stated_otherwise_than_flushed_and_more_than_once(world: World):
    stated = world.sql("SELECT span_id, count(*) FROM corrections GROUP BY ALL", "corrections")

    often = Counter({span_id.rstrip(b"\0"): count for span_id, count in stated})
    assert often == Counter((b"call", b"call", b"failed", b"failed", b"tool", b"tool", b"one", b"other", b"agent"))
    assert {row["tenant"] for row in ask(world, "calls")} == {"acme", "beta"}


def test_calls_and_models_are_those_of_the_books_and_what_no_settlement_has_read(world: World):
    booked = totals(ask(world, "settled-spend", by=("tenant", "model")))
    late = totals([row for row in ask(world, "calls") if row["trace_id"].startswith(b"late")])

    assert totals(ask(world, "calls")) == booked + late
    assert totals(ask(world, "models")) == booked + late
    assert booked[None, CALL["request_model"], "calls"] == 0 < late["acme", CALL["request_model"], "calls"]


@pytest.mark.long
def test_each_tenant_sees_what_settlement_found_to_be_its_own(world: World):
    for question, params in QUESTIONS.items():
        everything = ask(world, question, **params)
        assert everything
        for tenant in (None, "acme", "beta"):
            own = [row for row in everything if row["tenant"] == tenant]
            assert ask(world, question, frozenset({tenant}), **params) == own
        assert ask(world, question, frozenset({None, "acme", "beta"}), **params) == everything


def test_a_trace_says_what_was_billed_and_whose_it_is(world: World):
    told = ask(world, "trace", trace_id=(b"agent".ljust(16, b"\0")).hex())

    assert {(row["tenant"], row["feature"]) for row in told if row["span_id"] != b"root".ljust(8, b"\0")} == {
        ("beta", "support")
    }
    assert [row["span_id"].rstrip(b"\0") for row in told if row["billable"]] == [b"call", b"failed"]
    (other,) = ask(world, "trace", trace_id=(b"other".ljust(16, b"\0")).hex())
    assert (other["billable"], other["suppressed_by"], other["cost_usd"]) == (False, b"one".ljust(8, b"\0"), None)


def test_errors_of_the_books_are_of_the_tenant_that_settlement_found(world: World):
    first = {"status": "error", "error_class": "rate_limit", "errors": 1, "retries": 0, "cost_usd": None}

    streamed, *settled = (ask(world, "errors", by="tenant", as_of_settlement=number) for number in (None, 0, 1, 2))

    assert streamed == [{"tenant": None, **first, "calls": 3, "error_rate": 1 / 3}]
    assert settled[0] == []
    assert settled[1] == [{"tenant": None, **first, "calls": 2, "error_rate": 0.5}]
    assert settled[2] == [{"tenant": "beta", **first, "calls": 3, "error_rate": 1 / 3}]
    assert ask(world, "settled-errors", by=("tenant",), where={"tenant": ["beta"]}) == settled[2]


def test_what_reads_spans_as_they_stand_reads_no_others():
    """The tables that they are made of are of all tenants there."""
    texts = {name: load_question(name) for name in question_names() if CORRECTED_SPANS in load_question(name).reads}

    assert set(QUESTIONS) < set(texts)
    for question in texts.values():
        assert not question.reads.keys() & set(MADE_OF)
        assert not re.search(r"\b(FROM|JOIN)\s+(" + "|".join(MADE_OF) + r")\b", question.sql)
