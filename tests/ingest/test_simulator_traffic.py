"""The workload: who calls what, how often, and how tasks are built."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ingest.simulator.catalog import FEATURES
from ingest.simulator.routes import CANARY_SHARE
from ingest.simulator.seasons import HOUR_NS, WEEK_H, busyness
from ingest.simulator.tasks import SECOND_NS, Task
from ingest.simulator.traffic import Traffic
from tests.ingest.simulated import NOON_NS


@pytest.fixture(scope="module")
def day() -> list[Task]:
    """An ordinary day."""
    return list(Traffic(calls_per_s=0.3, seed="day").tasks(NOON_NS - 24 * HOUR_NS, NOON_NS))


def test_the_same_seed_gives_the_same_tasks() -> None:
    one, again, other = (
        list(Traffic(calls_per_s=1, seed=seed).tasks(NOON_NS, NOON_NS + HOUR_NS // 4)) for seed in ("a", "a", "b")
    )

    assert one == again
    assert one != other


def test_the_mean_rate_over_a_week_is_the_one_asked_for() -> None:
    tasks = Traffic(calls_per_s=0.05, seed="week").tasks(NOON_NS, NOON_NS + WEEK_H * HOUR_NS)

    calls = sum(step.call is not None for task in tasks for step in task.steps)

    assert calls / (WEEK_H * 3600) == pytest.approx(0.05, rel=0.05)


def test_busyness_is_one_on_average_and_has_nights_and_weekends() -> None:
    week = [busyness(NOON_NS + hour * HOUR_NS, 0) for hour in range(WEEK_H)]  # from Wednesday noon

    assert sum(week) / WEEK_H == pytest.approx(1.0)
    assert min(week) < 0.5
    assert max(week) > 1.5
    assert week[72] < 0.8 * week[0]  # Saturday noon


def test_tasks_come_by_start_and_stay_within_the_window(day: list[Task]) -> None:
    starts = [task.started_at_ns for task in day]

    assert all(one <= other for one, other in pairwise(starts))
    assert starts[0] >= NOON_NS - 24 * HOUR_NS
    assert max(task.ended_at_ns for task in day) < NOON_NS


def test_every_feature_is_used(day: list[Task]) -> None:
    used = {(task.feature.tenant, task.feature.name) for task in day}

    assert used == {(feature.tenant, feature.name) for feature in FEATURES}


def test_the_day_holds_every_kind_of_step_and_many_classes_of_failure(day: list[Task]) -> None:
    steps = [step for task in day for step in task.steps]

    operations = {step.operation for step in steps}
    classes = {step.failure.error_class for step in steps if step.failure}

    assert operations == {"chat", "embeddings", "execute_tool", "retrieval", "guardrail", "invoke_agent", "task"}
    assert classes >= {"rate_limit", "server_error", "overloaded", "timeout", "quota_exceeded", "auth", "not_found"}
    assert classes >= {"context_length_exceeded", "content_filter", "parse_error", "cancelled", "tool_error"}


def test_a_parent_never_carries_usage(day: list[Task]) -> None:
    parents = [task.steps[step.parent] for task in day for step in task.steps if step.parent is not None]

    assert parents
    assert all(parent.call is None for parent in parents)


def test_children_run_within_their_parents(day: list[Task]) -> None:
    pairs = [(task.steps[step.parent], step) for task in day for step in task.steps if step.parent is not None]

    assert all(
        parent.started_at_ns <= step.started_at_ns < step.ended_at_ns <= parent.ended_at_ns for parent, step in pairs
    )


def test_retries_count_their_attempts_and_point_at_the_one_before(day: list[Task]) -> None:
    retries = [(task, step) for task in day for step in task.steps if step.attempt > 1]

    assert retries
    for task, step in retries:
        assert step.retry_of is not None
        before = task.steps[step.retry_of]
        assert before.attempt == step.attempt - 1
        assert before.failure is not None


def test_a_router_sends_what_is_tried_again_elsewhere_and_few_tasks_by_its_canary(day: list[Task]) -> None:
    chats = [(task, step, step.call) for task in day for step in task.steps if step.call and step.operation == "chat"]
    first = {task.task_id: call.route for task, step, call in chats if step.attempt == 1 and call.route}

    assert all(
        (call.route is not None) == task.feature.routed and (call.route == "fallback") == (step.attempt > 1)
        for task, step, call in chats
        if call.route or task.feature.routed
    )
    assert set(first.values()) == {"primary", "canary"}
    assert sum(route == "canary" for route in first.values()) / len(first) == pytest.approx(CANARY_SHARE, abs=0.05)


def test_some_tasks_of_guarded_features_and_agents_are_judged_safe_or_not(day: list[Task]) -> None:
    judged = [task for task in day if task.safe]

    assert all(task.feature.guarded or task.feature.script == "agent" for task in judged)
    assert all(task.steps[-1].verdict is None or task.steps[-1].verdict.action != "blocked" for task in judged)
    assert 0.95 < sum(task.safe == "safe" for task in judged) / len(judged) < 1


def test_the_first_token_comes_before_the_last(day: list[Task]) -> None:
    streams = [step for task in day for step in task.steps if step.call and step.call.ttft_ns is not None]

    assert streams
    assert all(step.call and (step.call.ttft_ns or 0) < step.ended_at_ns - step.started_at_ns for step in streams)


def test_token_kinds_are_parts_of_their_totals(day: list[Task]) -> None:
    usages = [step.call.usage for task in day for step in task.steps if step.call and step.call.usage]

    assert any(usage.cached_input_tokens for usage in usages)
    assert any(usage.cache_write_tokens for usage in usages)
    assert any(usage.reasoning_tokens for usage in usages)
    for usage in usages:
        assert usage.cached_input_tokens + usage.cache_write_tokens <= usage.input_tokens
        assert usage.reasoning_tokens <= usage.output_tokens


def test_an_ordinary_task_is_over_within_two_minutes(day: list[Task]) -> None:
    longest_ns = max(task.ended_at_ns - task.started_at_ns for task in day)

    assert longest_ns < 120 * SECOND_NS
