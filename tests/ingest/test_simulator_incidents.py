"""Incidents: how they are asked for, and what they do to a feature's spend."""

from __future__ import annotations

import heapq
from functools import cache

import pytest

from ingest.simulator import IncidentSpec
from ingest.simulator.catalog import UTC_OFFSET_H
from ingest.simulator.incidents import DEFAULT_TARGETS, Incident
from ingest.simulator.mechanisms import change, extra_tasks
from ingest.simulator.tasks import SECOND_NS, Task
from ingest.simulator.traffic import Traffic
from tests.ingest.simulated import MINUTE_NS, NOON_NS, tally

CALLS_PER_S = 2.0
SEED = "s"


@cache
def _play(text: str) -> tuple[Incident, list[Task]]:
    """Half an hour with the incident in its middle, when its feature is busiest: at three in the afternoon."""
    spec = IncidentSpec.parse(f"{text}@10m+10m")
    start_ns = NOON_NS + (3 - UTC_OFFSET_H[spec.feature.tenant]) * 60 * MINUTE_NS
    incident = spec.at(start_ns, index=0)
    traffic = Traffic(calls_per_s=CALLS_PER_S, seed=SEED)
    ordinary = traffic.tasks(start_ns, start_ns + 30 * MINUTE_NS)
    tasks = heapq.merge(ordinary, extra_tasks(incident, traffic), key=lambda task: task.started_at_ns)
    return incident, [change(task, incident) for task in tasks]


@pytest.mark.long
@pytest.mark.parametrize("kind", DEFAULT_TARGETS)
def test_an_incident_multiplies_what_its_feature_spends_at_its_busiest_by_8_to_20(kind: str) -> None:
    incident, tasks = _play(kind)

    [found] = tally([task for task in tasks if task.feature == incident.feature], [incident]).incidents

    assert 8 <= (found.baseline_usd + found.extra_usd) / found.baseline_usd <= 20


@pytest.mark.parametrize("kind", DEFAULT_TARGETS)
def test_an_incident_leaves_other_features_and_times_alone(kind: str) -> None:
    incident, tasks = _play(kind)
    ordinary = {
        task.task_id: task
        for task in Traffic(calls_per_s=CALLS_PER_S, seed=SEED).tasks(
            incident.started_at_ns - 10 * MINUTE_NS, incident.started_at_ns + 20 * MINUTE_NS
        )
    }

    touched = [task for task in tasks if ordinary.get(task.task_id) != task]
    marked = [step for task in touched for step in task.steps if step.incident is not None]

    assert {task.feature for task in touched} == {incident.feature}
    assert all(incident.holds(step.started_at_ns) for step in marked)


def test_baseline_and_extra_add_up_to_what_the_feature_spent_in_the_window() -> None:
    incident, tasks = _play("prompt_bloat")
    [found] = tally(tasks, [incident]).incidents

    within = [
        task.with_steps(
            tuple(step for step in task.steps if step.incident is not None or incident.holds(step.ended_at_ns))
        )
        for task in tasks
        if task.feature == incident.feature
    ]

    assert tally([task for task in within if task.steps]).cost_usd == found.baseline_usd + found.extra_usd


def test_a_retry_loop_pays_for_attempt_after_attempt() -> None:
    _, tasks = _play("retry_loop")
    stuck = [task for task in tasks if task.steps[0].incident is not None]

    attempts = [step for task in stuck for step in task.steps if step.call]

    assert max(step.attempt for step in attempts) >= 20
    assert {step.failure and step.failure.error_class for step in attempts} == {"parse_error"}
    assert all(step.call and step.call.usage for step in attempts)
    assert {task.outcome for task in stuck} == {"failure"}


def test_prompt_bloat_multiplies_the_input_by_15_under_a_new_prompt_version() -> None:
    _, tasks = _play("prompt_bloat")

    bloated = [(step.call, step.usual_call) for task in tasks for step in task.steps if step.usual_call]

    assert bloated
    for call, usual in bloated:
        assert call
        assert usual
        assert call.prompt_version == "canary"
        if call.usage and usual.usage:
            assert call.usage.input_tokens == 15 * usual.usage.input_tokens


def test_a_runaway_agent_is_one_task_of_hundreds_of_steps() -> None:
    _, tasks = _play("runaway_agent")

    [runaway] = [task for task in tasks if task.steps[0].incident is not None]

    assert len(runaway.steps) > 300
    assert runaway.steps[0].operation == "invoke_agent"


def test_a_leaked_key_is_used_by_a_stranger_for_new_users() -> None:
    _, tasks = _play("key_leak")

    leaked = [task for task in tasks if task.steps[0].incident is not None]
    others = {task.user_id for task in tasks if task.steps[0].incident is None}

    assert {step.service.name for task in leaked for step in task.steps} == {"python-requests"}
    assert others.isdisjoint(task.user_id for task in leaked)


def test_a_model_swap_names_the_dearer_model() -> None:
    _, tasks = _play("model_swap")

    swapped = [step for task in tasks for step in task.steps if step.usual_call]

    assert swapped
    assert {step.name for step in swapped} == {"claude-opus-4-1"}


@pytest.mark.parametrize(
    ("text", "start_s", "duration_s"),
    [
        ("retry_loop", 10, 60),
        ("retry_loop@20", 20, 60),
        ("retry_loop@20+90s", 20, 90),
        ("retry_loop:globex/contract-review@-6h+30m", -21_600, 1_800),
    ],
)
def test_an_incident_is_asked_for_by_kind_place_and_time(text: str, start_s: float, duration_s: float) -> None:
    spec = IncidentSpec.parse(text)

    assert (spec.start_s, spec.duration_s) == (start_s, duration_s)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("meltdown", "there is no incident 'meltdown'; choose one of retry_loop"),
        ("retry_loop@soon", "write kind"),
        ("retry_loop:acme/nothing", "there is no feature acme/nothing; choose one of acme/support-chat"),
        ("retry_loop:initech/ledger-chat", "without a price"),
        ("retry_loop:hooli/doc-index", "makes embeddings only"),
        ("retry_loop@1+2", "too short"),
        ("model_swap:globex/report-writer", "no model is about 12 times as dear"),
    ],
)
def test_an_impossible_incident_is_refused_in_one_line(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        IncidentSpec.parse(text)

    assert "\n" not in str(caught.value)


def test_an_incident_ends_when_it_is_over() -> None:
    incident, tasks = _play("traffic_surge")

    assert max(task.ended_at_ns for task in tasks if task.steps[0].incident == 0) < incident.ended_at_ns
    assert incident.duration_s == pytest.approx(600)
    assert incident.ended_at_ns == incident.started_at_ns + 600 * SECOND_NS
