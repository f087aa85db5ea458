"""Rates by model: calls that failed know the name alone that was asked for, and are of the model that answers to it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from math import ceil, log
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.warehouse.held import held
from tests.warehouse.samples import NOON, span, usage
from warehouse.errors import BadQuestion
from warehouse.experiments import compare
from warehouse.instance import connect
from warehouse.reader import ALL, WarehouseSnapshot
from warehouse.schemas import HISTOGRAM_GAMMA
from warehouse.settings import LakeSettings

Row = dict[str, Any]
ASKED, ANSWERED = "gpt-4.1", "gpt-4.1-2025-04-14"
ENDED = {"provider": "openai", "model": ANSWERED}
FAILED = {"provider": "openai", "model": ASKED, "status": "error", "error_class": "rate_limit"}
LATER = NOON + timedelta(days=1)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return connect(LakeSettings())


@pytest.mark.parametrize(
    ("asked", "answered", "family"),
    [
        ("gpt-4.1", "gpt-4.1-2025-04-14", "gpt-4.1"),
        ("openai/gpt-4o", "gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-3-5-sonnet-latest", "us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet"),
        ("o1-preview", "o1-preview-2024-09-12", "o1"),
        ("gpt-4-turbo-preview", "gpt-4-turbo-2024-04-09", "gpt-4-turbo"),
        ("Orion-13B-Instruct", "orion-13b-instruct", "orion-13b-instruct"),
        (None, None, None),
    ],
)
def test_who_is_asked_and_who_answers_are_one_family(
    connection: duckdb.DuckDBPyConnection, asked: str | None, answered: str | None, family: str | None
):
    names = connection.execute("SELECT model_family($1), model_family($2)", [asked, answered]).fetchone()

    assert names == (family, family)


def hist(ms: float, count: int) -> list[dict[str, int]]:
    return [{"index": ceil(log(ms) / log(HISTOGRAM_GAMMA)), "count": count}]


def safety(**values: Any) -> Row:
    return {"minute": NOON, "tenant": "acme", "feature": "chat", "events": 0, "checked_calls": 0} | values


@pytest.fixture
def lake(tmp_path: Path) -> WarehouseSnapshot:
    """Of 100 calls to gpt-4.1 4 fail; of the 97 that a filter judged (one was refused by it) 1 is stopped."""
    used = [
        usage(**ENDED, calls=96, cost_usd="9.6", latency_hist=hist(800, 96)),
        usage(**FAILED, calls=4, cost_usd=None, latency_hist=hist(50, 4)),
        usage(provider="openai", model="gpt-4.1-mini-2025-04-14", calls=7, latency_hist=hist(300, 7)),
    ]
    told = [
        safety(model=ANSWERED, checked_calls=96),
        safety(model=ASKED, checked_calls=4),
        safety(model=ANSWERED, category="content_filter", checked_calls=96),
        safety(model=ASKED, category="content_filter", checked_calls=1),
        safety(model=ASKED, category="content_filter", action="blocked", events=1),
    ]
    spans = [span(1, request_model=ASKED, status="error"), span(2, request_model=ASKED, response_model=ANSWERED)]
    line = {"hour": NOON, "period": NOON.date().replace(day=1), "entry": "settled", "tenant": "acme"}
    booked = [
        line | ENDED | {"status": "ok", "calls": 96, "priced_calls": 96, "cost_usd": Decimal("9.6")},
        line | FAILED | {"calls": 4, "priced_calls": 0},
    ]
    hours = [{name: one for name, one in row.items() if name != "minute"} | {"hour": NOON} for row in told]
    return held(tmp_path / "lake", LATER, usage=used, safety=told, spans=spans, ledger=booked, safety_hours=hours)


def ask(lake: WarehouseSnapshot, question: str, **params: Any) -> dict[str | None, Row]:
    """Rows by family."""
    rows = lake.ask(question, ALL, by=("model_family",), **params).to_pylist()
    return {row["model_family"]: row for row in rows}


def test_what_fails_is_a_share_of_all_calls_to_the_model(lake: WarehouseSnapshot):
    for question in ("errors", "settled-errors"):
        found = ask(lake, question)

        assert list(found) == ["gpt-4.1"]
        assert (found["gpt-4.1"]["errors"], found["gpt-4.1"]["calls"]) == (4, 100)
        assert found["gpt-4.1"]["error_rate"] == 0.04


def test_how_long_calls_take_is_told_of_those_that_failed_too(lake: WarehouseSnapshot):
    found = ask(lake, "latency")

    assert {name: row["calls"] for name, row in found.items()} == {"gpt-4.1": 100, "gpt-4.1-mini": 7}
    assert found["gpt-4.1"]["latency_p50_ms"] == pytest.approx(800, rel=0.01)


def test_what_a_filter_stops_is_a_share_of_all_that_it_judged(lake: WarehouseSnapshot):
    for question in ("safety", "settled-safety"):
        row = ask(lake, question)["gpt-4.1"]

        assert (row["category"], row["triggered"], row["checked_calls"], row["calls"]) == ("content_filter", 1, 97, 100)
        assert row["trigger_rate"] == pytest.approx(1 / 97)


def test_an_objective_of_a_family_counts_what_failed(lake: WarehouseSnapshot):
    where = {"model_family": ["gpt-4.1"]}
    (row,) = lake.ask("slo", ALL, where=where, now=LATER).to_pylist()

    assert (row["calls"], row["failed_calls"]) == (100, 4)


def test_the_page_of_calls_finds_both(lake: WarehouseSnapshot):
    calls = lake.ask("calls", ALL, where={"model_family": ["gpt-4.1"]}).to_pylist()
    (spent,) = lake.ask("spend", ALL, by=(), where={"model_family": ["gpt-4.1"]}).to_pylist()

    assert {row["model"] for row in calls} == {ASKED, ANSWERED}
    assert (spent["calls"], spent["cost_usd"]) == (100, Decimal("9.6"))


def test_money_stays_with_the_name_that_has_the_price(lake: WarehouseSnapshot):
    spent = lake.ask("spend", ALL, by=("model",)).to_pylist()

    assert {row["model"]: row["cost_usd"] for row in spent}[ANSWERED] == Decimal("9.6")
    with pytest.raises(BadQuestion, match="no dimension 'model_family'"):
        lake.ask("unit-economics", ALL, by=("model_family",))


def test_tasks_whose_first_try_failed_are_tasks_of_the_model(tmp_path: Path):
    plain = {"hour": NOON, "tenant": "acme", "kind": "task", "feature": "chat", "spans": 1, "calls": 1}
    plain |= {"priced_calls": 1, "guardrail_blocks": 0, "safe": "unknown", "cost_usd": Decimal(1)}
    kinds = [
        ([ANSWERED], "success", 40),
        ([ASKED, ANSWERED], "success", 10),
        ([ASKED], "failure", 10),
        (["gpt-5-2025-08-07"], "success", 30),
    ]
    done = [
        plain | {"task": f"{'+'.join(models)}-{n}", "models": models, "outcome": outcome}
        for models, outcome, count in kinds
        for n in range(count)
    ]
    calls = [usage(**ENDED, calls=50), usage(**FAILED, calls=20), usage(provider="openai", model="gpt-5-2025-08-07")]
    lake = held(tmp_path / "lake", LATER, tasks=done, usage=calls, spans=[], outcomes=[])

    rows = lake.ask("experiment", ALL, by=("model_family",)).to_pylist()
    (success, *_) = compare(lake, ALL, by="model_family").to_pylist()

    told = [(row["model_family"], row["tasks"], row["mixed_tasks"], row["successful_tasks"]) for row in rows]
    assert told == [("gpt-4.1", 60, 0, 50), ("gpt-5", 30, 0, 30)]
    assert (success["baseline"], success["baseline_n"], success["baseline_value"]) == ("gpt-4.1", 60, 50 / 60)


def test_a_model_and_its_family_at_once_say_nothing_of_tasks(tmp_path: Path):
    lake = held(tmp_path / "lake", LATER, tasks=[], usage=[usage(**ENDED, calls=3)], spans=[], outcomes=[])

    (row,) = lake.ask("experiment", ALL, by=("model_family", "model")).to_pylist()

    assert (row["model_family"], row["model"], row["calls"], row["tasks"]) == ("gpt-4.1", ANSWERED, 3, 0)
