"""How an incident comes about: it changes ordinary calls, or adds tasks worth FACTOR - 1 times the usual peak."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from math import ceil
from random import Random

from ingest.simulator import failures
from ingest.simulator.catalog import OPUS, STRANGER, Feature
from ingest.simulator.incidents import Incident
from ingest.simulator.prices import cost_of
from ingest.simulator.scripts import play
from ingest.simulator.stage import Stage
from ingest.simulator.swaps import dearer_model, price_usd
from ingest.simulator.tasks import MILLISECOND_NS, SECOND_NS, Call, Step, Task, Usage
from ingest.simulator.traffic import Traffic

FACTOR = 15.0
"""Spend during an incident over that of the feature's busiest hour, as aimed at; a detector may count on 8 to 20."""
AGENT_FACTOR = 10.0
"""The same for a runaway agent, whose steps grow: the last ones go beyond what was aimed at."""
BLOAT = 15
BLOATED = "canary"
"""The prompt version that is too long."""
LOOP_ATTEMPTS = 40  # then a stuck task is given up and the next one sticks
LOOP_PAUSE_S = 2.5
RUNAWAY_CALLS = 200
LEAKED_CALLS = 40
TURN_S = 1.5
LAST_TURN_S = 3.0  # nothing starts so shortly before the end


def change(task: Task, incident: Incident) -> Task:
    """``task`` as it goes while ``incident`` holds; the same object where it is not touched."""
    changed = _CHANGES.get(incident.kind)
    if changed is None or task.feature != incident.feature:
        return task
    return replace(task, steps=tuple(_change_step(step, incident, changed) for step in task.steps))


def extra_tasks(incident: Incident, traffic: Traffic) -> Iterator[Task]:
    """The tasks that are only there because of ``incident``, by start."""
    make = _EXTRAS.get(incident.kind)
    if make is None:
        return
    rng = Random(f"{traffic.seed}/{incident.index}/{incident.kind}")  # noqa: S311 - a workload, no secret
    for task in make(incident, traffic, rng):
        steps = tuple(replace(step, incident=incident.index) for step in task.steps)
        if task.ended_at_ns < incident.ended_at_ns:
            yield replace(task, steps=steps)


def _change_step(step: Step, incident: Incident, changed: Callable[[Call, Feature], Call]) -> Step:
    if step.operation != "chat" or step.call is None or not incident.holds(step.started_at_ns):
        return step
    call = changed(step.call, incident.feature)
    failure = step.failure
    if failure and call.model != step.call.model and not step.call.answered:
        failure = failures.refuse(failure.error_class, call.model)  # each provider refuses in its own words
    return replace(
        step, call=call, name=call.model.name, usual_call=step.call, failure=failure, incident=incident.index
    )


def _bloat(call: Call, _: Feature) -> Call:
    if call.usage is None:
        return replace(call, prompt_version=BLOATED)
    room = call.model.context_tokens * 9 // 10
    usage = replace(call.usage, input_tokens=min(call.usage.input_tokens * BLOAT, room))
    return replace(call, usage=usage, prompt_version=BLOATED)


def _swap(call: Call, feature: Feature) -> Call:
    """Another model knows nothing of the old one's cache."""
    usage = call.usage and replace(call.usage, cached_input_tokens=0, cache_write_tokens=0, reasoning_tokens=0)
    return replace(call, model=dearer_model(feature), usage=usage)


def _loop(incident: Incident, traffic: Traffic, rng: Random) -> Iterator[Task]:
    """Stuck tasks side by side, each asking again about every LOOP_PAUSE_S."""
    draw = Stage(feature=incident.feature, rng=rng, started_at_ns=incident.started_at_ns).draw_call
    paced = list(_pace(incident, traffic, rng, partial(draw, incident.feature.model)))
    lanes = ceil(len(paced) * LOOP_PAUSE_S / incident.duration_s)
    numbered = sorted((i % lanes, i // lanes // LOOP_ATTEMPTS, at_ns, call) for i, (at_ns, call) in enumerate(paced))
    groups = [list(group) for _, group in groupby(numbered, key=lambda item: item[:2])]
    for group in sorted(groups, key=lambda items: items[0][2]):
        yield _stuck_task(incident, rng, [(at_ns, call) for _, _, at_ns, call in group])


def _stuck_task(incident: Incident, rng: Random, attempts: list[tuple[int, Call]]) -> Task:
    stage = Stage(feature=incident.feature, rng=rng, started_at_ns=attempts[0][0])
    root = stage.open("task", incident.feature.name)
    previous: int | None = None
    for number, (at_ns, call) in enumerate(attempts, start=1):
        stage.now_ns = max(at_ns, stage.now_ns)
        previous = stage.attempt(
            call, failures.misparse(), parent=root, seconds=TURN_S, number=number, retry_of=previous
        )
    stage.finish(root)
    return stage.close(outcome="failure")


def _run_away(incident: Incident, traffic: Traffic, rng: Random) -> Iterator[Task]:
    """One agent task; its turns are small enough for the budget of the incident to last hundreds of them."""
    stage = Stage(feature=incident.feature, rng=rng, started_at_ns=incident.started_at_ns)
    root = stage.open("invoke_agent", incident.feature.name)
    scale = _scale(incident, traffic, incident.feature, RUNAWAY_CALLS)
    draw = partial(
        stage.draw_call, incident.feature.model, growth=scale, output_growth=scale, finish_reason="tool_calls"
    )
    for at_ns, call in _pace(incident, traffic, rng, draw):
        stage.now_ns = at_ns
        stage.attempt(call, None, parent=root, seconds=TURN_S)
        if incident.feature.tools:
            stage.tool(parent=root)
    stage.finish(root)
    yield stage.close(outcome="failure")


def _leak(incident: Incident, traffic: Traffic, rng: Random) -> Iterator[Task]:
    """Each call is a trace of its own by a stranger."""
    thief = replace(
        incident.feature,
        service=STRANGER,
        model=OPUS,
        cached_share=0.0,
        stream=False,
        routed=False,
        input_tokens=1_200,
        output_tokens=2_400,
    )
    scale = _scale(incident, traffic, thief, LEAKED_CALLS)
    stage = Stage(feature=thief, rng=rng, started_at_ns=incident.started_at_ns)
    draw = partial(stage.draw_call, OPUS, growth=scale, output_growth=scale)
    for at_ns, call in _pace(incident, traffic, rng, draw):
        act = Stage(feature=thief, rng=rng, started_at_ns=at_ns)
        act.attempt(call, None, parent=None, seconds=TURN_S)
        user_id = f"anonymous-{rng.randrange(12):02d}"
        yield replace(act.close(outcome=None), feature=incident.feature, user_id=user_id, session_id=user_id)


def _surge(incident: Incident, traffic: Traffic, rng: Random) -> Iterator[Task]:
    at_ns = incident.started_at_ns
    more_per_s = traffic.peak_tasks_per_s(incident.feature) * (_factor(incident) - 1)
    while at_ns < incident.ended_at_ns:
        yield play(incident.feature, rng, at_ns)
        at_ns += int(rng.expovariate(more_per_s) * SECOND_NS)


def _pace(incident: Incident, traffic: Traffic, rng: Random, draw: Callable[[], Call]) -> Iterator[tuple[int, Call]]:
    """Calls and their starts, spaced so that FACTOR - 1 times what the busiest hour spends comes on top."""
    at_ns = incident.started_at_ns
    while at_ns < incident.ended_at_ns - LAST_TURN_S * SECOND_NS:
        call = draw()
        yield at_ns, call
        cost_usd = float(cost_of(call, at_ns) or 0)
        pause_s = (
            cost_usd / (traffic.peak_usd_per_s(incident.feature) * (_factor(incident) - 1)) * rng.uniform(0.8, 1.2)
        )
        at_ns += max(int(pause_s * SECOND_NS), MILLISECOND_NS)


def _factor(incident: Incident) -> float:
    return AGENT_FACTOR if incident.kind == "runaway_agent" else FACTOR


def _scale(incident: Incident, traffic: Traffic, feature: Feature, calls: int) -> float:
    """How much smaller than ``feature``'s usual ones ``calls`` calls must be to fit the budget; never larger."""
    budget_usd = traffic.peak_usd_per_s(incident.feature) * (_factor(incident) - 1) * incident.duration_s
    usage = Usage(input_tokens=feature.input_tokens, output_tokens=feature.output_tokens)
    return min(1.0, max(0.01, budget_usd / calls / price_usd(feature.model, usage)))


_CHANGES: dict[str, Callable[[Call, Feature], Call]] = {"prompt_bloat": _bloat, "model_swap": _swap}
_EXTRAS: dict[str, Callable[[Incident, Traffic, Random], Iterator[Task]]] = {
    "retry_loop": _loop,
    "runaway_agent": _run_away,
    "key_leak": _leak,
    "traffic_surge": _surge,
}
