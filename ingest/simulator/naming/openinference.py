"""OpenInference: token counts under ``llm.``, tenant and feature in the JSON of ``metadata``, kinds for operations."""

from __future__ import annotations

import json

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from ingest.simulator.naming.wire import (
    ANSWER,
    PROMPT,
    Event,
    Written,
    answer_json,
    evaluations,
    exception_event,
    own_attributes,
)
from ingest.simulator.tasks import Call, Step, Task, Usage

KINDS = {
    "chat": "LLM",
    "embeddings": "EMBEDDING",
    "execute_tool": "TOOL",
    "retrieval": "RETRIEVER",
    "invoke_agent": "AGENT",
    "task": "CHAIN",
}
SCOPES = {
    "openai": ("openinference.instrumentation.openai", "0.1.66"),
    "anthropic": ("openinference.instrumentation.anthropic", "3.1.0"),
}
APPLICATION_SCOPE = ("openinference.instrumentation", "0.1.72")
NAMES = {"chat": "ChatCompletion", "embeddings": "CreateEmbeddings"}


def write(task: Task, index: int) -> Written:
    """Step ``index`` of ``task``."""
    step = task.steps[index]
    scope, version = SCOPES[step.call.model.provider] if step.call else APPLICATION_SCOPE
    return Written(
        scope=scope,
        scope_version=version,
        schema_url=None,
        name=NAMES.get(step.operation, step.name),
        kind=SpanKind.INTERNAL,
        attributes={
            "openinference.span.kind": KINDS[step.operation],
            "metadata": json.dumps({"tenant_id": task.feature.tenant, "feature": task.feature.name}),
            "user.id": task.user_id,
            "session.id": task.session_id,
            **own_attributes(task, index),
            **(_of_call(task, index, step.call) if step.call else _of_work(step)),
        },
        events=_events(step),
        status_message=_status_message(step),
    )


def _of_call(task: Task, index: int, call: Call) -> dict[str, AttributeValue]:
    if task.steps[index].operation == "embeddings":
        names: dict[str, AttributeValue] = {"embedding.model_name": call.model.name}
    else:
        names = _of_chat(task, index, call)
    return names | (_of_usage(call.usage) if call.usage else {})


def _of_chat(task: Task, index: int, call: Call) -> dict[str, AttributeValue]:
    parameters = {"model": call.model.name} | ({"stream": True} if call.stream else {})
    attributes: dict[str, AttributeValue] = {
        "llm.system": call.model.provider,
        "llm.provider": call.model.provider,
        "llm.invocation_parameters": json.dumps(parameters),
        "input.value": json.dumps({"model": call.model.name, "messages": [{"role": "user", "content": PROMPT}]}),
        "input.mime_type": "application/json",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": PROMPT,
        "prompt.id": task.feature.name,
    }
    if call.prompt_version:
        attributes["llm.prompt_template.version"] = call.prompt_version
    if call.answered:
        attributes["llm.model_name"] = call.model.response_name
        attributes["output.value"] = answer_json(task, index, call)
        attributes["output.mime_type"] = "application/json"
        attributes["llm.output_messages.0.message.role"] = "assistant"
        attributes["llm.output_messages.0.message.content"] = ANSWER
    if call.finish_reason:
        attributes["llm.finish_reason"] = call.finish_reason
    return attributes


def _of_usage(usage: Usage) -> dict[str, AttributeValue]:
    """All counts, also those that are zero."""
    return {
        "llm.token_count.prompt": usage.input_tokens,
        "llm.token_count.completion": usage.output_tokens,
        "llm.token_count.total": usage.input_tokens + usage.output_tokens,
        "llm.token_count.prompt_details.cache_read": usage.cached_input_tokens,
        "llm.token_count.prompt_details.cache_write": usage.cache_write_tokens,
        "llm.token_count.completion_details.reasoning": usage.reasoning_tokens,
    }


def _of_work(step: Step) -> dict[str, AttributeValue]:
    if step.operation == "execute_tool":
        return {"tool.name": step.name, "input.value": PROMPT, "input.mime_type": "text/plain"}
    return {"agent.name": step.name} if step.operation == "invoke_agent" else {"input.value": PROMPT}


def _events(step: Step) -> tuple[Event, ...]:
    events = list(evaluations(step))
    if step.call and step.call.ttft_ns is not None:
        first = step.started_at_ns + step.call.ttft_ns
        events.append(Event(name="First Token Stream Event", at_ns=first, attributes={}))
    if step.failure and not step.failure.cancelled:
        events.append(exception_event(step.failure, step.ended_at_ns))
    return tuple(events)


def _status_message(step: Step) -> str | None:
    if step.failure is None or step.failure.cancelled:
        return None
    return f"{step.failure.exception.rsplit('.', 1)[-1]}: {step.failure.message}"
