"""Questions to settled books: what a success costs, what was wasted, and how far the stream was off."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from tests.warehouse.settling import HOW, LATER, World, outcome
from tests.warehouse.told import START, span, tool
from warehouse.allocation import Dimensions, charge_back
from warehouse.errors import BadQuestion
from warehouse.planning.file import Plans
from warehouse.planning.forecast import forecast
from warehouse.planning.variance import vary
from warehouse.reader import ALL, Scope, Warehouse
from warehouse.settle import reprice

USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
COST = Decimal("0.0035")
MINI = USED | {"request_model": "gpt-4o-mini"}
MINI_COST = Decimal("0.00021")
HOUR = dt.timedelta(hours=1)
Row = dict[str, Any]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def ask(world: World, question: str, scope: Scope = ALL, **params: object) -> list[Row]:
    """The rows of an answer."""
    rows: list[Row] = Warehouse(world.settings).ask(question, scope, **params).to_pylist()
    return rows


def pick(rows: list[Row], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of an answer."""
    return [tuple(row[name] for name in names) for row in rows]


def call(tenant: str, name: str, task: str | None = None, **values: Any) -> Row:
    """A call of a tenant's task, in a trace of its own."""
    return span(name, trace=values.pop("trace", f"{tenant} {name}"), task_id=task, tenant=tenant, **USED | values)


def judged(tenant: str, label: str, task: str, **values: Any) -> Row:
    """An outcome of a tenant's task."""
    return outcome("success", label, task_id=task, tenant=tenant, **values)


def of(tenant: str, rows: list[Row]) -> list[Row]:
    """The rows of a tenant."""
    return [row for row in rows if row["tenant"] == tenant]


COUNTS = ("tasks", "successful_tasks", "failed_tasks", "unknown_tasks")
USERS = {"a": b"u" * 16, "b": b"u" * 16, "c": b"v" * 16}
WHOLE = {"cached_input_tokens": 1000, "feature": "all"}


def spans_of_waste() -> list[Row]:
    told = {"tenant": "waste", "task_id": "t1", "trace": "waste", "ms": 5} | USED
    nothing = {"input_tokens": None, "output_tokens": None}
    return [
        span("root", **told | nothing | {"operation": "invoke_agent", "_role": "other", "ms": 100}),
        span("a", "root", at=1, status="error", attempt=1, **told),
        span("b", "root", at=10, status="error", attempt=2, **told),
        span("c", "root", at=20, attempt=3, **told),
        span("d", "root", at=30, attempt=4, **told),
        call("waste", "e", "t2"),
        call("waste", "f", "t3"),
    ]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Books of many tenants, one or two for each question."""
    world = World(tmp_path_factory.mktemp("settled"))
    told = [
        call("success", "a", "t1", status="error"),
        *(call("success", name, task) for name, task in (("b", "t1"), ("c", "t2"), ("d", "t3"), ("e", "t4"))),
        call("failure", "a", "t1"),
        call("unknown", "a", "t1", request_model="nobody-knows-this"),
        *(call("safe", name, task) for name, task in (("a", "t1"), ("b", "t2"), ("c", "t3"))),
        *(call("models", "a", "t1"), call("models", "b", "t1", **MINI), call("models", "c", "t2")),
        call("prompts", "a", "t1", prompt_name="greet", prompt_version="2"),
        call("prompts", "b", "t2", prompt_name="greet"),
        call("prompts", "c", "t3"),
        call("plain", "a", "t1"),
        *(call("users", name, name, user_id=user.hex()) for name, user in USERS.items()),
        call("filters", "a", "t1", feature="chat"),
        call("filters", "b", "t2", feature="search"),
        call("filters", "c", "t3", at=3_600_000),
        *spans_of_waste(),
        call("cached", "a", "t1", cached_input_tokens=600),
        call("cached", "b", "t2", request_model="gpt-4o-mini"),
        call("whole", "a", "t1", cached_input_tokens=600),
        call("whole", "b", "t2", **WHOLE),
    ]
    outcomes = [
        *(judged("success", "success", task) for task in ("t1", "t2")),
        judged("success", "failure", "t3", review_minutes=3.0),
        judged("failure", "failure", "t1"),
        judged("unknown", "success", "t1"),
        *(judged("safe", "success", task) for task in ("t1", "t2", "t3")),
        outcome("safe", "safe", task_id="t1", tenant="safe"),
        outcome("safe", "unsafe", task_id="t2", tenant="safe"),
        judged("models", "success", "t1"),
        judged("plain", "success", "t1"),
        judged("waste", "success", "t1"),
        judged("waste", "failure", "t2"),
    ]
    world.flush(told, outcomes)
    world.flush([call("whole", "c", "t3", **WHOLE | {"request_model": "gpt-4o-mini"})], partition=1)
    world.settle()
    return world


@pytest.fixture(scope="module")
def costs(settled: World) -> dict[str, Row]:
    """By tenant what a success cost where an hour of review costs 50 USD."""
    return {row["tenant"]: row for row in ask(settled, "cost-per-successful-task", review_usd_per_hour="50")}


def test_a_success_bears_the_cost_of_failed_and_abandoned_attempts_and_of_review(costs: dict[str, Row]):
    row = costs["success"]
    total = 5 * COST + Decimal("2.5")
    assert pick([row], *COUNTS) == [(4, 2, 1, 1)]
    assert (row["cost_usd"], row["review_cost_usd"], row["total_cost_usd"]) == (5 * COST, Decimal("2.5"), total)
    assert row["cost_per_successful_task_usd"] == row["cost_per_successful_task_high_usd"] == total / 2
    assert row["cost_per_successful_task_low_usd"] == (total / 3).quantize(Decimal("1e-12"))
    assert row["cost_per_task_usd"] == total / 4
    assert row["cost_per_request_usd"] == COST
    assert (row["outcome_coverage"], row["success_rate_low"], row["success_rate_high"]) == (0.75, 0.5, 0.75)
    assert row["tokens_per_successful_task"] == 5 * 1100 / 2


def test_where_nothing_succeeded_there_is_no_cost_of_a_success(costs: dict[str, Row]):
    row = costs["failure"]
    assert row["cost_usd"] == COST
    assert pick([row], "cost_per_successful_task_usd", "cost_per_successful_task_low_usd") == [(None, None)]
    assert pick([row], "cost_per_safe_successful_task_usd", "tokens_per_successful_task") == [(None, None)]


def test_what_has_no_price_makes_no_success_cheap(costs: dict[str, Row]):
    found = pick([costs["unknown"]], "cost_usd", "cost_per_successful_task_usd", "priced_share", "tasks")

    assert found == [(None, None, 0.0, 1)]


def test_only_a_success_that_was_judged_safe_is_a_safe_one(costs: dict[str, Row]):
    row = costs["safe"]
    assert (row["successful_tasks"], row["safe_successful_tasks"]) == (3, 1)
    assert row["cost_per_safe_successful_task_usd"] == 3 * COST
    assert row["safe_coverage"] == pytest.approx(2 / 3)


def test_users_are_counted_once_however_many_tasks_they_had(costs: dict[str, Row]):
    row = costs["users"]
    assert (row["active_users"], row["cost_per_active_user_usd"]) == (2, 3 * COST / 2)


def test_a_task_counts_with_each_model_that_it_used_and_money_with_its_own(settled: World):
    rows = ask(settled, "cost-per-successful-task", by="model", where="tenant=models")

    assert pick(rows, "model", "tasks", "successful_tasks", "cost_usd") == [
        ("gpt-4o", 2, 1, 2 * COST),
        ("gpt-4o-mini", 1, 1, MINI_COST),
    ]


def test_a_task_counts_with_each_provider_that_it_called(world: World):
    claude = {"provider": "anthropic", "request_model": "claude-sonnet-4-5"}
    told = [call("acme", "a", "t1"), call("acme", "b", "t1", **claude), call("acme", "c", "t2")]
    world.flush(told, [judged("acme", "success", "t1")])
    world.settle()

    rows = ask(world, "cost-per-successful-task", by="provider")
    nobody = ask(world, "cost-per-successful-task", by="", where="provider=mistral_ai")

    assert sorted(pick(rows, "provider", "tasks", "successful_tasks")) == [("anthropic", 1, 1), ("openai", 2, 1)]
    assert nobody == []


@pytest.mark.long
@pytest.mark.parametrize("question", ["cost-per-successful-task", "unit-economics"])
def test_review_is_divided_between_the_models_and_providers_of_a_task_to_the_picodollar(question: str, world: World):
    claude = {"provider": "anthropic", "request_model": "claude-sonnet-4-5"}
    told = [call("acme", "a", "t1"), call("acme", "b", "t1", **claude), call("acme", "c", "t1", **MINI)]
    world.flush([*told, call("acme", "d", "t2")], [judged("acme", "success", "t1", review_minutes=1.0)])
    world.settle()
    review = Decimal("0.1")  # in three parts that are none of whole picodollars

    (whole,) = ask(world, question, by="", bucket="", review_usd_per_hour="6")
    models = ask(world, question, by="model", bucket="", review_usd_per_hour="6")
    providers = ask(world, question, by="provider", bucket="", review_usd_per_hour="6")

    assert whole["review_cost_usd"] == review
    assert [row["review_cost_usd"] for row in sorted(models, key=lambda row: str(row["model"]))] == [
        *(Decimal("0.033333333333"), Decimal("0.033333333333"), Decimal("0.033333333334"))
    ]
    assert {row["provider"]: row["review_cost_usd"] for row in providers} == {
        "anthropic": review / 2,
        "openai": review / 2,
    }
    for groups in (models, providers):
        assert sum(row["total_cost_usd"] for row in groups) == whole["total_cost_usd"]


def test_review_of_what_has_no_price_is_in_the_total_of_its_group(world: World):
    told = [
        call("acme", "a", "t1"),
        call("beta", "a", "t1", request_model="nobody-knows-this"),
        call("plain", "a", "t1"),
    ]
    told[-1] |= {"request_model": "nobody-knows-this"}
    world.flush(told, [judged("acme", "success", "t1"), judged("beta", "success", "t1", review_minutes=30.0)])
    world.settle()

    rows = ask(world, "cost-per-successful-task", review_usd_per_hour="60")
    (whole,) = ask(world, "cost-per-successful-task", by="", review_usd_per_hour="60")

    assert {row["tenant"]: row["total_cost_usd"] for row in rows} == {"acme": COST, "beta": Decimal(30), "plain": None}
    assert whole["total_cost_usd"] == COST + 30
    assert {row["tenant"]: row["cost_usd"] for row in rows} == {"acme": COST, "beta": None, "plain": None}


def test_prompts_are_told_apart_by_name_and_version(settled: World):
    rows = ask(settled, "unit-economics", by="prompt_name,prompt_version", bucket="", where="tenant=prompts")

    told = {(row["prompt_name"], row["prompt_version"], row["tasks"], row["calls"]) for row in rows}
    assert told == {("greet", "2", 1, 1), ("greet", None, 1, 1), (None, None, 1, 1)}


def test_of_dimensions_that_tasks_do_not_tell_nothing_is_said_about_tasks(settled: World):
    for by in ("operation", "status", "tags.a,tags.b", "tags", "model,service", "operation,tenant"):
        (row,) = ask(settled, "cost-per-successful-task", by=by, where="tenant=plain")
        assert pick([row], *COUNTS, "cost_per_successful_task_usd") == [(None,) * 5], by
        assert (row["cost_usd"], row["cost_per_request_usd"]) == (COST, COST), by


def test_filters_and_windows_hold_for_calls_and_tasks_alike(settled: World):
    chat = ask(settled, "cost-per-successful-task", where="feature=chat")
    early = of("filters", ask(settled, "cost-per-successful-task", end=START + HOUR))
    mini = ask(settled, "cost-per-successful-task", where="tenant=filters,model=gpt-4o-mini", by="")

    assert pick(chat, "tenant", "tasks", "cost_usd") == [("filters", 1, COST)]
    assert pick(early, "tasks", "cost_usd") == [(2, 2 * COST)]
    assert mini == []


def test_a_tenant_sees_its_own_tasks_only(settled: World):
    for question in ("cost-per-successful-task", "unit-economics", "waste", "cache"):
        rows = ask(settled, question, frozenset({"plain"}), by="tenant")
        assert pick(rows, "tenant", "calls") == [("plain", 1)], question


def test_parts_of_waste_have_no_call_in_common(settled: World, costs: dict[str, Row]):
    (row,) = of("waste", ask(settled, "waste"))

    parts = ("failed_usd", "retried_usd", "superseded_usd", "failed_tasks_usd")
    assert pick([row], *parts) == [(COST, COST, COST, COST)]
    assert (row["waste_usd"], row["cost_usd"], row["retry_cost_usd"]) == (4 * COST, 6 * COST, 3 * COST)
    assert row["waste_share"] == pytest.approx(4 / 6)
    assert costs["waste"]["waste_usd"] == 4 * COST


def test_the_cache_saves_the_difference_to_the_rate_of_plain_tokens(settled: World):
    told = {row["model"]: row for row in ask(settled, "cache", by="model", where="tenant=cached")}

    row = told["gpt-4o"]
    assert (row["cached_share"], row["savings_coverage"]) == (0.6, 1.0)
    assert row["savings_usd"] == 600 * (Decimal("2.5") - Decimal("1.25")) / 1_000_000
    assert told["gpt-4o-mini"]["savings_usd"] is None


def test_a_call_that_was_cached_as_a_whole_is_held_against_the_rate_of_its_neighbours(settled: World):
    rows = ask(settled, "cache", by="model,feature", where="tenant=whole")
    told = {(row["model"], row["feature"]): row for row in rows}

    assert told["gpt-4o", "all"]["savings_usd"] == Decimal("0.00125")
    assert told["gpt-4o-mini", "all"]["savings_usd"] is None
    assert told["gpt-4o-mini", "all"]["savings_coverage"] == 0


def test_what_is_kept_by_the_hour_has_no_minutes_and_months_are_buckets(settled: World):
    with pytest.raises(BadQuestion, match="hour, day, month"):
        ask(settled, "waste", bucket="minute")
    assert pick(ask(settled, "waste", bucket="month", where="tenant=plain"), "bucket") == [
        (dt.datetime(2026, 11, 1, tzinfo=dt.UTC),)
    ]


@pytest.mark.parametrize("rate", ["-1", "0.0000001", "dear", "nan", 1e9])
def test_a_rate_is_a_sum_of_dollars(rate: object, settled: World):
    with pytest.raises(BadQuestion, match="review_usd_per_hour"):
        ask(settled, "cost-per-successful-task", review_usd_per_hour=rate)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Books, and what came when they were closed: of two wrapped calls one is followed by another; one hour is open."""
    world = World(tmp_path_factory.mktemp("behind"))
    told = {"at": 10, "ms": 50, **USED}
    world.flush(
        [
            span("leaf", "outer", trace="acme", response_id="chatcmpl-12345678", **told),
            span("leaf", "outer", trace="moved", **told),
            call("open", "a", "t1"),
        ]
    )
    wrappers = [span("outer", trace=tenant, tenant=tenant, ms=100, **USED) for tenant in ("acme", "moved")]
    world.flush(wrappers, partition=1)
    world.settle()
    world.flush([call("acme", "late", "t9"), call("open", "b", "t2", at=3 * 3_600_000)])
    return world


CAUSES = ("suppressed", "inherited", "late", "unexplained")


def test_causes_add_up_to_the_difference_of_stream_and_books(behind: World):
    rows = ask(behind, "provisional-vs-settled")

    assert pick(rows, "tenant", "provisional_calls", "settled_calls", *(f"{name}_calls" for name in CAUSES)) == [
        (None, 2, 0, 0, -2, 0, 0),
        ("acme", 2, 1, -1, 1, -1, 0),
        ("moved", 1, 1, -1, 1, 0, 0),
        ("open", 1, 1, 0, 0, 0, 0),  # what is not closed yet is no difference
    ]
    assert pick(rows, "difference_usd", *(f"{name}_usd" for name in CAUSES)) == [
        (-2 * COST, 0, -2 * COST, 0, 0),
        (-COST, -COST, COST, -COST, 0),
        (0, -COST, COST, 0, 0),
        (0, 0, 0, 0, 0),
    ]


@pytest.mark.parametrize("by", ["environment", "service", "principal", "operation", "tags.team"])
def test_the_difference_is_told_by_all_that_a_span_says_of_itself(by: str, behind: World):
    rows = ask(behind, "provisional-vs-settled", by=by, bucket="")

    assert pick(rows, "difference_usd", *(f"{name}_usd" for name in CAUSES)) == [(-3 * COST, -2 * COST, 0, -COST, 0)]


def test_what_is_not_closed_yet_is_no_difference(behind: World):
    (row,) = ask(behind, "provisional-vs-settled", where="tenant=open")

    assert pick([row], "provisional_calls", "difference_usd") == [(1, 0)]


def test_a_tenant_is_told_the_difference_but_nothing_that_moved_elsewhere(behind: World):
    (row,) = ask(behind, "provisional-vs-settled", frozenset({"moved"}))

    assert pick([row], "provisional_calls", "settled_calls", "unexplained_calls") == [(1, 1, None)]


def test_spend_as_of_a_settlement_is_that_of_the_books(behind: World):
    streamed, final = ask(behind, "spend"), ask(behind, "spend", as_of_settlement=1)

    assert pick(streamed, "tenant", "calls", "cost_usd", "provisional") == [
        ("acme", 2, 2 * COST, True),
        ("open", 2, 2 * COST, True),
        (None, 2, 2 * COST, True),
        ("moved", 1, COST, True),
    ]
    assert pick(final, "tenant", "calls", "cost_usd", "provisional") == [
        (tenant, 1, COST, False) for tenant in ("acme", "moved", "open")
    ]
    assert pick(final, "suppressed_calls", "suppressed_cost_usd") == [(1, COST), (1, COST), (0, 0)]
    assert final == ask(behind, "settled-spend")
    assert ask(behind, "spend", as_of_settlement=0) == []


def test_another_price_is_a_cause_and_a_line_of_its_own(world: World):
    world.flush([call("acme", "a", "t1"), call("acme", "b", "t2", request_model="our-own-7b", provider="house")])
    world.settle()
    dear = PriceBook.from_settings(
        {"openai/gpt-4o": {"input": 5.0, "output": 20.0}, "house/our-own-7b": {"input": 1.0, "output": 1.0}}
    )
    reprice(world.lake, world.settings, HOW, pricing_of(dear), window=(START, START + HOUR), now=LATER + HOUR)

    (dearer, priced) = ask(world, "provisional-vs-settled")
    statement = ask(world, "chargeback", by="tenant", detail="model")

    assert pick([dearer, priced], "model", "difference_usd", "repriced_usd", "inherited_usd", "unexplained_usd") == [
        ("gpt-4o", COST, COST, 0, 0),
        ("our-own-7b", Decimal("0.0011"), Decimal("0.0011"), 0, 0),
    ]
    told = {(row["model"], row["line"]): (row["settlement"], row["entry"], row["cost_usd"]) for row in statement}
    assert told["gpt-4o", "direct"] == (None, None, COST)
    assert told["gpt-4o", "adjustment"] == (2, "repriced", COST)
    assert told["our-own-7b", "direct"] == (None, None, None)
    assert told["our-own-7b", "adjustment"] == (2, "repriced", Decimal("0.0011"))


def test_what_changes_of_a_closed_month_stands_on_a_later_statement(world: World):
    december, november = dt.date(2026, 12, 1), dt.date(2026, 11, 1)
    later = dt.datetime(2026, 12, 2, tzinfo=dt.UTC)
    world.flush([call("acme", "a", "t1")])
    world.settle(now=later)
    world.close(november, later)
    world.flush([call("acme", "late", "t2")])
    world.settle(now=later)

    rows = ask(world, "chargeback")

    assert pick(rows, "period", "line", "entry", "cost_usd") == [
        (november, "direct", None, COST),
        (december, "adjustment", "late", COST),
    ]
    assert ask(world, "chargeback", start=december) == rows[1:]
    assert ask(world, "chargeback", end=december) == rows[:1]
    assert pick(ask(world, "settled-spend", end=later), "calls", "cost_usd") == [(2, 2 * COST)]


QUESTIONS = {
    "cost-per-successful-task": {"by": "tenant,feature"},
    "waste": {"by": "tenant"},
    "settlements": {},
}

STEPS: list[tuple[list[Row], list[Row]]] = [
    ([span("leaf", "outer", at=10, ms=50, cached_input_tokens=100, **USED), call("hours", "a", "t1")], []),
    (
        [
            span("outer", tenant="acme", feature="chat", task_id="t1", ms=100, **USED),
            call("hours", "b", "t1", at=3_600_000),
            tool("x", trace="hours a", tenant="hours", task_id="t1"),
        ],
        [judged("hours", "success", "t1")],
    ),
    ([call("acme", "more", "t1", status="error")], [judged("acme", "failure", "t1")]),
    ([], [judged("acme", "success", "t1", source="human")]),
]


@dataclasses.dataclass(frozen=True)
class Said:
    """A world and what was said of it after each settlement."""

    world: World
    answers: list[dict[str, list[Row]]]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    world, answers = World(tmp_path_factory.mktemp("said")), []
    for number, (spans, outcomes) in enumerate(STEPS):
        world.flush(spans, outcomes, partition=number)
        assert world.settle(now=LATER + number * HOUR, actor="somebody" if number == 1 else "").number == number + 1
        answers.append({name: ask(world, name, **params) for name, params in QUESTIONS.items()})
    return Said(world, answers)


def test_as_of_a_settlement_is_what_was_said_when_it_was_the_last(said: Said):
    for number, answers in enumerate(said.answers):
        for name, params in QUESTIONS.items():
            assert ask(said.world, name, as_of_settlement=number + 1, **params) == answers[name], (number, name)
    assert all(ask(said.world, name, as_of_settlement=0, **params) == [] for name, params in QUESTIONS.items())
    assert said.answers[2]["waste"] != said.answers[3]["waste"]


def test_a_task_of_several_hours_and_flushes_is_one_task(said: Said):
    in_total = ask(said.world, "cost-per-successful-task", by="", where="tenant=hours")
    by_hour = ask(said.world, "unit-economics", by="", bucket="hour", where="tenant=hours")

    assert pick(in_total, *COUNTS, "cost_usd") == [(1, 1, 0, 0, 2 * COST)]
    assert pick(by_hour, "bucket", "tasks", "cost_usd") == [(START, 0, COST), (START + HOUR, 1, COST)]


def test_settlements_are_listed_the_last_first_and_tenants_learn_no_amounts(said: Said):
    whole, own = ask(said.world, "settlements"), ask(said.world, "settlements", frozenset({"acme"}))
    cached = 100 * (Decimal("2.5") - Decimal("1.25")) / 1_000_000

    assert pick(whole, "settlement", "settled_usd", "adjusted_usd", "reopened_hours", "actor") == [
        (4, 0, 0, 1, ""),
        (3, 0, COST, 1, ""),
        (2, 0, COST, 2, "somebody"),
        (1, 2 * COST - cached, 0, 0, ""),
    ]
    assert pick(own, "settlement", "settled_usd", "actor") == [(number, None, None) for number in (4, 3, 2, 1)]


def test_an_empty_lake_has_no_settled_answers_and_no_errors(world: World):
    for name in (*QUESTIONS, "unit-economics", "cache", "settled-spend", "chargeback", "provisional-vs-settled"):
        assert ask(world, name) == []


def test_a_task_over_the_end_of_a_month_is_of_the_month_in_which_it_ended_so_that_months_add_up(world: World):
    turn = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    before = (turn - START).total_seconds() * 1000
    told = [
        call("acme", "a", "over", at=before - 1800_000, feature="search"),
        call("acme", "b", "over", at=before + 1800_000, feature="chat"),
        call("acme", "c", "within", at=before - 1800_000, feature="search"),
    ]
    world.flush(told, [judged("acme", "success", "over", review_minutes=30.0)])
    world.settle()
    names = ("feature", "tasks", "successful_tasks", "review_minutes")

    months, both = (
        [
            row
            for start, end in windows
            for row in pick(
                ask(world, "cost-per-successful-task", by="feature", start=start, end=end), *names, "cost_usd"
            )
        ]
        for windows in (((None, turn), (turn, None)), ((None, None),))
    )

    assert months == [("search", 1, 0, 0.0, 2 * COST), ("chat", 1, 1, 30.0, COST)]
    assert sorted(months) == sorted(both)


def test_averages_are_of_what_has_a_price_so_that_what_has_none_makes_nothing_cheap(world: World):
    unknown = {"request_model": "nobody-knows-this", "user_id": "v", "at": 1}
    told = [call("acme", "a", "t0", user_id="u"), *(call("acme", f"u{n}", f"t{n}", **unknown) for n in range(1, 10))]
    world.flush(told, [judged("acme", "success", f"t{n}", review_minutes=6.0) for n in range(10)])
    world.settle()
    review = Decimal(6)

    rows = [
        *ask(world, "cost-per-successful-task", review_usd_per_hour="60"),
        *ask(world, "unit-economics", review_usd_per_hour="60"),
    ]

    per_task = ("cost_per_task_usd", "cost_per_successful_task_usd", "cost_per_active_user_usd")
    for row in rows:
        assert (row["tasks"], row["priced_tasks"], row["priced_share"]) == (10, 1, 0.1)
        assert (row["cost_per_request_usd"], row["total_cost_usd"]) == (COST, COST + 10 * review)
        assert [row[name] for name in per_task] == [COST + review] * 3
    assert [rows[0][f"cost_per_successful_task_{end}_usd"] for end in ("low", "high")] == [COST + review] * 2


KINDS = ("token_kind", "calls", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd")


@pytest.mark.parametrize("name", ["spend", "settled-spend"])
def test_kinds_of_tokens_add_up_to_the_tokens_and_the_cost_of_the_calls(name: str, world: World):
    silent = {"provider": "openai", "request_model": "gpt-4o"}
    world.flush(
        [
            call("acme", "a", "t1", cached_input_tokens=600),
            span("b", trace="b", tenant="acme", feature="silent", **silent),
            call("acme", "c", "t2", feature="short", output_tokens=None),
        ]
    )
    world.settle()

    rows, (whole,) = ask(world, name, by="token_kind"), ask(world, name, by="")
    (cached,) = ask(world, name, by="tenant", where="token_kind=cached_input")

    told = [(*some[:2], *(tokens or 0 for tokens in some[2:5]), some[5]) for some in pick(rows, *KINDS)]
    assert told == [
        ("input", 2, 1400, 0, 0, Decimal("0.0035")),
        ("output", 1, 0, 0, 100, Decimal("0.001")),
        ("cached_input", 1, 600, 600, 0, Decimal("0.00075")),
        (None, 1, 0, 0, 0, None),
    ]
    for measure in ("input_tokens", "cached_input_tokens", "output_tokens", "cost_usd"):
        assert sum(row[measure] or 0 for row in rows) == whole[measure]
    assert pick([cached], "tenant", *KINDS[2:]) == [("acme", 600, 600, 0, Decimal("0.00075"))]


def test_a_success_by_kind_of_token_costs_together_what_it_costs(world: World):
    told = [call("acme", "a", "t1", cached_input_tokens=600), call("acme", "b", "t2", status="error")]
    world.flush(told, [judged("acme", "success", "t1", review_minutes=6.0), judged("acme", "failure", "t2")])
    world.settle()

    rows = ask(world, "cost-per-successful-task", by="token_kind", review_usd_per_hour="60")
    (output,) = ask(world, "cost-per-successful-task", by="", where="token_kind=output", review_usd_per_hour="60")

    names = ("token_kind", "calls", *COUNTS[:2], "cost_usd", "cost_per_successful_task_usd", "waste_usd")
    assert pick(rows, *names) == [
        (None, 2, 2, 1, Decimal(0), Decimal(6), Decimal(0)),
        ("input", 2, 2, 1, Decimal("0.0035"), Decimal("0.0035"), Decimal("0.0025")),
        ("output", 2, 2, 1, Decimal("0.002"), Decimal("0.002"), Decimal("0.001")),
        ("cached_input", 2, 2, 1, Decimal("0.00075"), Decimal("0.00075"), Decimal(0)),
    ]
    assert pick([output], *names[1:]) == [(2, 2, 1, Decimal("0.002"), Decimal("0.002"), Decimal("0.001"))]


def test_waste_by_kind_of_token_divides_what_was_superseded_as_the_cost_is(world: World):
    world.flush(spans_of_waste())
    world.settle()

    rows, (whole,) = ask(world, "waste", by="token_kind"), ask(world, "waste", by="")

    parts = ("failed_usd", "retried_usd", "superseded_usd", "failed_tasks_usd", "waste_usd", "cost_usd")
    assert [sum(row[part] for row in rows) for part in parts] == [whole[part] for part in parts]
    assert {round(row["superseded_usd"] / row["cost_usd"], 9) for row in rows} == {
        round(whole["superseded_usd"] / whole["cost_usd"], 9)
    }


@pytest.mark.parametrize(("name", "says"), [("cache", "read_savings_usd"), ("provisional-vs-settled", "`spend`")])
@pytest.mark.parametrize("how", [{"by": "tenant, token_kind"}, {"by": ["token_kind"]}, {"where": "token_kind=output"}])
def test_where_kinds_of_tokens_have_no_meaning_it_is_said_what_answers(name: str, says: str, how: Any, world: World):
    with pytest.raises(BadQuestion, match=f"{name} has no token_kind; .*{says}"):
        ask(world, name, **how)


def test_the_differences_of_the_kinds_are_that_of_all_and_so_are_their_parts(world: World):
    world.flush([call("acme", "a", cached_input_tokens=600), call("acme", "b", at=-40 * 86_400_000)])
    world.settle()
    snapshot = Warehouse(world.settings).snapshot()
    months: dict[str, Any] = {"start": "2026-11-01", "end": "2026-12-01"}

    (whole,), kinds = (vary(snapshot, ALL, Plans(), by=by, **months).to_pylist() for by in ("", "token_kind"))
    forecasts = forecast(snapshot, ALL, Plans(), by="token_kind", now=LATER.isoformat(), **months).to_pylist()

    assert pick(kinds, "token_kind", "difference_usd") == [
        ("input", Decimal("-0.0015")),
        ("cached_input", Decimal("0.00075")),
        ("output", Decimal(0)),
    ]
    assert sum(row["difference_usd"] for row in kinds) == whole["difference_usd"]
    for row in kinds:
        parts = ("volume_usd", "mix_usd", "price_usd", "other_usd", "corrections_usd")
        assert sum(row[part] for part in parts) == row["difference_usd"]
    assert sum(row["settled_usd"] for row in forecasts) == whole["usd"]
    assert {row["provisional_usd"] for row in forecasts} == {Decimal(0)}


@pytest.mark.parametrize("name", ["forecast", "variance"])
def test_tags_all_together_are_no_dimension_of_plans(name: str, world: World):
    with pytest.raises(BadQuestion, match=f"{name} has no tags; name one of them, tags.KEY"):
        ask(world, name, by="tenant,tags")


def test_statements_of_all_tags_together_are_refused(world: World):
    world.flush([call("acme", "a", tags=[("team", "red")])])
    world.settle()

    with pytest.raises(BadQuestion, match=r"by one dimension, like tenant, cost_centre or tags\.KEY"):
        charge_back(Warehouse(world.settings).snapshot(), ALL, Dimensions(), by="tags")


def test_a_statement_tells_kinds_of_tokens_apart(world: World):
    world.flush([call("acme", "a", "t1", cached_input_tokens=600)])
    world.settle()

    lines = ask(world, "chargeback", detail="token_kind")

    assert pick(lines, "token_kind", "cost_usd") == [
        ("input", Decimal("0.001")),
        ("output", Decimal("0.001")),
        ("cached_input", Decimal("0.00075")),
    ]
