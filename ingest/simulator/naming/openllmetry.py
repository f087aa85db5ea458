"""OpenLLMetry: GenAI names of several generations, tenant and feature as association properties, content by default."""

from __future__ import annotations

import json

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from ingest.simulator.naming.wire import (
    ANSWER,
    PROMPT,
    Event,
    Written,
    evaluations,
    exception_event,
    own_attributes,
    response_id,
)
from ingest.simulator.tasks import MILLISECOND_NS, Call, Step, Task, Usage

KINDS = {"task": "workflow", "invoke_agent": "agent", "execute_tool": "tool", "retrieval": "task"}
CALL_SCOPE = ("opentelemetry.instrumentation.openai.v1", "0.62.4")
APPLICATION_SCOPE = ("traceloop.tracer", "0.62.4")
API_BASE = "https://api.openai.com/v1/"
CHUNKS = 3


def write(task: Task, index: int) -> Written:
    """Step ``index`` of ``task``; calls are OpenAI's."""
    step = task.steps[index]
    scope, version = CALL_SCOPE if step.call else APPLICATION_SCOPE
    properties = "traceloop.association.properties"
    return Written(
        scope=scope,
        scope_version=version,
        schema_url=None,
        name=_name(step),
        kind=SpanKind.CLIENT if step.call else SpanKind.INTERNAL,
        attributes={
            f"{properties}.tenant_id": task.feature.tenant,
            f"{properties}.feature": task.feature.name,
            f"{properties}.user_id": task.user_id,
            f"{properties}.session_id": task.session_id,
            **own_attributes(task, index),
            **(_of_call(task, index, step.call) if step.call else _of_work(step)),
            **_of_failure(step),
        },
        events=_events(step),
        status_message=None if step.failure is None or step.failure.cancelled else step.failure.message,
    )


def _name(step: Step) -> str:
    return f"openai.{step.operation}" if step.call else f"{step.name}.{KINDS[step.operation]}"


def _of_call(task: Task, index: int, call: Call) -> dict[str, AttributeValue]:
    parts = [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": task.steps[index].operation,
        "gen_ai.provider.name": call.model.provider,
        "gen_ai.request.model": call.model.name,
        "gen_ai.is_streaming": call.stream,
        "gen_ai.openai.api_base": API_BASE,
        "gen_ai.input.messages": json.dumps(parts),
        "traceloop.prompt.key": task.feature.name,
    }
    if call.prompt_version:
        attributes["traceloop.prompt.version"] = call.prompt_version
    if call.answered:
        attributes["gen_ai.response.model"] = call.model.response_name
        attributes["gen_ai.response.id"] = response_id(task, index)
        attributes["gen_ai.output.messages"] = json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]}]
        )
    if call.finish_reason:
        attributes["gen_ai.response.finish_reasons"] = (call.finish_reason,)
    return attributes | (_of_usage(call.usage) if call.usage else {})


def _of_usage(usage: Usage) -> dict[str, AttributeValue]:
    counts: dict[str, AttributeValue] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_input_tokens:
        counts["gen_ai.usage.cache_read.input_tokens"] = usage.cached_input_tokens
    if usage.reasoning_tokens:
        counts["gen_ai.usage.reasoning_tokens"] = usage.reasoning_tokens
    return counts


def _of_work(step: Step) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "traceloop.span.kind": KINDS[step.operation],
        "traceloop.entity.name": step.name,
        "traceloop.entity.input": json.dumps({"question": PROMPT}),
    }
    return attributes | ({"traceloop.workflow.name": step.name} if step.operation == "task" else {})


def _of_failure(step: Step) -> dict[str, AttributeValue]:
    if step.failure is None or step.failure.cancelled:
        return {}
    return {"error.type": step.failure.exception.rsplit(".", 1)[-1]}


def _events(step: Step) -> tuple[Event, ...]:
    events = list(evaluations(step))
    if step.call and step.call.ttft_ns is not None:
        first = step.started_at_ns + step.call.ttft_ns
        chunks = (first + i * 5 * MILLISECOND_NS for i in range(CHUNKS))
        events += [Event(name="gen_ai.content.completion.chunk", at_ns=at_ns, attributes={}) for at_ns in chunks]
    if step.failure and not step.failure.cancelled:
        events.append(exception_event(step.failure, step.ended_at_ns))
    return tuple(events)
