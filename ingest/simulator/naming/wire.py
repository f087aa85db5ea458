"""What all families share: the record of a span to be, its events, and the attributes that are ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from ingest.simulator.tasks import Call, Evaluation, Failure, Step, Task

PROMPT = "My e-mail is jane.doe@example.com, where is my order?"
ANSWER = "Your order left our warehouse this morning."
"""Content as it stands on real spans; it must never be found in a lake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One span event."""

    name: str
    at_ns: int
    attributes: Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One span in the words of a family."""

    scope: str
    scope_version: str
    schema_url: str | None
    name: str
    kind: SpanKind
    attributes: Mapping[str, AttributeValue]
    events: tuple[Event, ...]
    status_message: str | None  # None: the span does not say that it failed


def own_attributes(task: Task, index: int) -> dict[str, AttributeValue]:
    """Task, attempt, route and outcome: what no convention has a name for."""
    step = task.steps[index]
    own: dict[str, AttributeValue] = {"spanledger.task.id": task.task_id}
    if step.attempt > 1:
        own["spanledger.attempt"] = step.attempt
    if step.call and step.call.route:
        own["spanledger.route"] = step.call.route
    if index == 0 and task.outcome is not None:
        own["spanledger.task.outcome"] = task.outcome
    if index == 0 and task.safe is not None:
        own["spanledger.task.safe"] = task.safe == "safe"
    return own


def response_id(task: Task, index: int) -> str:
    """The provider's id of one answer, unique to it."""
    prefix = {"openai": "chatcmpl", "anthropic": "msg", "google": "resp"}
    call = task.steps[index].call
    return f"{prefix[call.model.provider] if call else 'id'}-{task.task_id}-{index}"


def answer_json(task: Task, index: int, call: Call) -> str:
    """The provider's answer as libraries that keep it write it down."""
    choice = {"index": 0, "finish_reason": call.finish_reason, "message": {"role": "assistant", "content": ANSWER}}
    return json.dumps({"id": response_id(task, index), "model": call.model.response_name, "choices": [choice]})


def evaluation_event(evaluation: Evaluation, at_ns: int) -> Event:
    """The standard's event of one evaluation."""
    attributes: dict[str, AttributeValue] = {
        "gen_ai.evaluation.name": evaluation.name,
        "gen_ai.evaluation.score.value": evaluation.score,
        "gen_ai.evaluation.score.label": evaluation.label,
    }
    return Event(name="gen_ai.evaluation.result", at_ns=at_ns, attributes=attributes)


def exception_event(failure: Failure, at_ns: int) -> Event:
    """The exception as ``Span.record_exception`` writes it."""
    attributes: dict[str, AttributeValue] = {
        "exception.type": failure.exception,
        "exception.message": failure.message,
        "exception.stacktrace": f"Traceback (most recent call last):\n{failure.exception}: {failure.message}\n",
        "exception.escaped": "False",
    }
    return Event(name="exception", at_ns=at_ns, attributes=attributes)


def evaluations(step: Step) -> tuple[Event, ...]:
    """Events of all evaluations of a step, at its end."""
    return tuple(evaluation_event(evaluation, step.ended_at_ns) for evaluation in step.evaluations)
