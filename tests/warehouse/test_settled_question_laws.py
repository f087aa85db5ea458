"""Laws of the questions to settled books: groups add up to the total, and the past stays as it was said."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.warehouse.settling import LATER, World, outcome
from tests.warehouse.told import span
from warehouse.reader import ALL, Warehouse

pytestmark = pytest.mark.long

DAY_MS = 86_400_000
SETTLEMENTS = 3
QUESTIONS = (
    *("cost-per-successful-task", "unit-economics", "waste", "cache", "chargeback", "settled-spend"),
    *("settled-safety", "settled-errors", "provisional-vs-settled"),
)
ADD = {
    "cost-per-successful-task": ("calls", "priced_calls", "input_tokens", "cost_usd", "waste_usd"),
    "unit-economics": ("calls", "output_tokens", "cost_usd", "waste_usd"),
    "waste": ("calls", "cost_usd", "waste_usd", "failed_usd", "retried_usd", "superseded_usd", "failed_tasks_usd"),
    "cache": ("calls", "cached_input_tokens", "cost_usd", "cached_cost_usd"),
    "settled-spend": ("calls", "errors", "input_tokens", "input_cost_usd", "cost_usd", "suppressed_calls"),
    "settled-errors": ("errors", "retries", "cost_usd"),
    "settled-safety": ("events",),
    "chargeback": ("calls", "input_tokens", "cost_usd"),
    "provisional-vs-settled": ("settled_usd", "provisional_usd", "difference_usd", "suppressed_usd", "late_usd"),
}
OF_TASKS = ("tasks", "successful_tasks", "failed_tasks", "unknown_tasks", "review_cost_usd", "total_cost_usd")
MONEY = ("review_cost_usd", "total_cost_usd")
"""What adds up by a dimension of which a task may have several, while its counts do not."""
SEVERAL = ("model", "provider", "route", "service", "prompt_name")
ECONOMICS = ("cost-per-successful-task", "unit-economics")
IN_COMMON = ("calls", "tasks", "successful_tasks", "unknown_tasks", "priced_tasks", "active_users", "priced_share")
KINDS = {
    **dict.fromkeys(
        ECONOMICS, ("cost_usd", "waste_usd", "input_tokens", "output_tokens", "review_cost_usd", "total_cost_usd")
    ),
    "waste": tuple(
        f"{part}_usd" for part in ("cost", "waste", "failed", "retried", "superseded", "failed_tasks", "retry_cost")
    ),
    "settled-spend": ("cost_usd", "input_tokens", "output_tokens", "reasoning_tokens", "suppressed_cost_usd"),
}
"""What adds up by kind of token."""
ONE = ("tenant", "feature", "environment", "principal", "outcome", "safe")
BOTH = (
    *("tenant", "feature", "provider", "model", "service_tier", "route", "prompt_name"),
    *("environment", "service", "principal", "operation", "tags.team", "tags"),
)
GUARDED = ("tenant", "feature", "service", "model")
ANY = (*ONE, "model", "provider", "route", "status", "error_class", "operation", "price_status", "service")


def make(dice: random.Random, number: int) -> dict[str, Any]:
    """A call of anybody, for anything."""
    tokens = dice.randrange(1, 5000)
    return span(
        f"s{number}",
        trace=f"t{dice.randrange(20)}",
        at=dice.randrange(3 * DAY_MS),
        ms=dice.randrange(1, 5000),
        tenant=dice.choice(("acme", "beta", None)),
        feature=dice.choice(("chat", "search", None)),
        environment=dice.choice(("prod", None)),
        principal=dice.choice(("key-1", None)),
        tags=dice.choice(([("team", "red")], [("team", "blue")], None)),
        task_id=dice.choice(("T1", "T2", "T3", None)),
        provider="openai",
        request_model=dice.choice(("gpt-4o", "gpt-4o-mini", "nobody-knows-this")),
        route=dice.choice(("primary", "fallback", None)),
        status=dice.choice(("ok", "ok", "error")),
        attempt=dice.choice((None, 1, 2, 3)),
        input_tokens=tokens,
        cached_input_tokens=dice.randrange(tokens + 1),
        output_tokens=dice.randrange(500),
        safety_category=dice.choice(("hate", "content_filter", None, None)),
        guardrail_action=dice.choice(("blocked", "flagged")),
    )


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Warehouse, list[dict[str, Any]]]:
    """A lake, and what the questions said after each of its settlements."""
    dice = random.Random(6)
    world = World(tmp_path_factory.mktemp("lake"))
    warehouse = Warehouse(world.settings)
    said = []
    for number in range(SETTLEMENTS):
        spans = [make(dice, 100 * number + one) for one in range(40)]
        names = [dice.choice(("success", "failure")) for _ in range(2)]
        told = [
            outcome(
                "success", name, task_id=f"T{dice.randrange(1, 4)}", tenant="acme", review_minutes=dice.random() * 9
            )
            for name in names
        ]
        world.flush(spans, told, partition=number)
        assert world.settle(now=LATER.replace(day=25)).number == number + 1
        said.append({name: warehouse.ask(name, ALL).to_pylist() for name in QUESTIONS[:-1]})
    world.flush([make(dice, 900 + one) for one in range(10)], partition=SETTLEMENTS)
    return warehouse, said


def total(rows: list[Mapping[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows if row[name] is not None), Decimal(0))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_groups_of_any_grouping_add_up_to_the_total(settled: Any, data: st.DataObject):
    warehouse, _ = settled
    name = data.draw(st.sampled_from(QUESTIONS))
    dimensions = {"provisional-vs-settled": BOTH, "settled-safety": GUARDED}.get(name, ANY)
    by = data.draw(st.lists(st.sampled_from(dimensions), unique=True, min_size=1, max_size=3))
    params: dict[str, object] = {"by": by}
    whole: dict[str, object] = {"by": ""}
    if name == "chargeback":
        whole["detail"] = ""
    else:
        params["bucket"] = data.draw(st.sampled_from(("", "hour", "day", "month")))
        whole["bucket"] = ""

    groups = warehouse.ask(name, ALL, **params).to_pylist()
    all_ = warehouse.ask(name, ALL, **whole).to_pylist()

    measures = ADD[name] + (OF_TASKS if "tasks" in all_[0] and set(by) <= set(ONE) else ())
    if "tasks" in all_[0] and len(set(by) & set(SEVERAL)) == 1 and set(by) <= {*ONE, *SEVERAL}:
        measures += MONEY
    review = {"review_usd_per_hour": 37}
    if "review_cost_usd" in measures:
        groups = warehouse.ask(name, ALL, **params, **review).to_pylist()
        all_ = warehouse.ask(name, ALL, **whole, **review).to_pylist()
    for measure in measures:
        if measure in all_[0]:
            assert total(groups, measure) == total(all_, measure), (name, by, measure)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_kinds_of_tokens_of_any_grouping_add_up_to_it_and_have_its_calls_and_tasks(settled: Any, data: st.DataObject):
    warehouse, _ = settled
    name = data.draw(st.sampled_from(sorted(KINDS)))
    by = data.draw(st.lists(st.sampled_from(ANY), unique=True, max_size=2))
    params: dict[str, object] = {"review_usd_per_hour": 37} if name in ECONOMICS else {}
    params["bucket"] = data.draw(st.sampled_from(("", "day")))

    rows = warehouse.ask(name, ALL, by=[*by, "token_kind"], **params).to_pylist()
    groups = warehouse.ask(name, ALL, by=by, **params).to_pylist()

    keys = [*by, "bucket"] if params["bucket"] else by
    for group in groups:
        kinds = [row for row in rows if all(row[key] == group[key] for key in keys)]
        assert kinds
        for measure in KINDS[name]:
            assert total(kinds, measure) == total([group], measure), (name, by, measure)
        if name in ECONOMICS:
            for common in IN_COMMON:
                assert {row[common] for row in kinds} == {group[common]}, (name, by, common)
            parts, whole = total(kinds, "cost_per_successful_task_usd"), group["cost_per_successful_task_usd"]
            assert abs(parts - (whole or 0)) <= Decimal("1e-11"), (name, by)
    assert sum(len([row for row in rows if all(row[key] == group[key] for key in keys)]) for group in groups) == len(
        rows
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(QUESTIONS[:-1]), st.integers(1, SETTLEMENTS))
def test_as_of_any_settlement_is_what_was_said_when_it_was_the_last(settled: Any, name: str, number: int):
    warehouse, said = settled

    assert warehouse.ask(name, ALL, as_of_settlement=number).to_pylist() == said[number - 1][name]


def test_the_causes_explain_all_of_the_difference_in_every_group(settled: Any):
    warehouse, _ = settled

    for by in ("tenant,feature,model", "environment,service", "principal,operation", "tags.team", "tags"):
        rows = warehouse.ask("provisional-vs-settled", ALL, by=by).to_pylist()

        assert rows
        assert {row["unexplained_usd"] for row in rows} == {0}
        assert {row["unexplained_calls"] for row in rows} == {0}
        assert any(row["late_usd"] for row in rows)


def test_all_questions_name_the_same_cost(settled: Any):
    warehouse, _ = settled

    costs = {total(warehouse.ask(name, ALL).to_pylist(), "cost_usd") for name in QUESTIONS[:-3]}

    assert len(costs) == 1
