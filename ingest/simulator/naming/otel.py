"""The OpenTelemetry GenAI semantic conventions as of schema 1.41, and the security proposal for guardrails."""

from __future__ import annotations

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from ingest.simulator.naming.wire import Written, evaluations, own_attributes, response_id
from ingest.simulator.tasks import SECOND_NS, Call, Failure, Step, Task, Usage

SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.0"
OPENAI_SCOPE = ("opentelemetry.instrumentation.genai.openai", "1.3b0")
PROVIDERS = {"google": "gcp.gemini"}
HOSTS = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "google": "generativelanguage.googleapis.com",
}
OPERATIONS = {"guardrail": "run_guardrail", "task": "invoke_workflow"}
ACTIONS = {"allowed": "allow", "blocked": "block", "redacted": "modify"}
CATEGORIES = {"pii": "sensitive_info_disclosure", "prompt_injection": "prompt_injection"}
FINISH_REASONS = {"anthropic": {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}}


def write(task: Task, index: int) -> Written:
    """Step ``index`` of ``task``."""
    step = task.steps[index]
    operation = OPERATIONS.get(step.operation, step.operation)
    attributes: dict[str, AttributeValue] = {
        "gen_ai.operation.name": operation,
        "tenant.id": task.feature.tenant,
        "feature.name": task.feature.name,
        "user.id": task.user_id,
        "session.id": task.session_id,
        **own_attributes(task, index),
        **(_of_call(task, index, step.call) if step.call else _of_work(step)),
        **(_of_failure(step.failure) if step.failure else {}),
    }
    scope, version = _scope(step)
    return Written(
        scope=scope,
        scope_version=version,
        schema_url=SCHEMA_URL,
        name=f"{operation} {step.name}",
        kind=SpanKind.CLIENT if step.call else SpanKind.INTERNAL,
        attributes=attributes,
        events=evaluations(step),
        status_message=None if step.failure is None or step.failure.cancelled else step.failure.message,
    )


def _scope(step: Step) -> tuple[str, str]:
    """OpenAI has an instrumentation of its own; the rest is written by the application itself."""
    if step.call and step.call.model.provider == "openai":
        return OPENAI_SCOPE
    return step.service.name, step.service.version


def _of_call(task: Task, index: int, call: Call) -> dict[str, AttributeValue]:
    provider = call.model.provider
    attributes: dict[str, AttributeValue] = {
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "gen_ai.request.model": call.model.name,
        "gen_ai.prompt.name": task.feature.name,
        "server.address": call.model.address or HOSTS[provider],
        "server.port": 443,
    }
    if call.prompt_version:
        attributes["gen_ai.prompt.version"] = call.prompt_version
    if call.stream:
        attributes["gen_ai.request.stream"] = True
    if call.ttft_ns is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = call.ttft_ns / SECOND_NS
    if call.answered:
        attributes["gen_ai.response.model"] = call.model.response_name
    if call.answered and task.steps[index].operation == "chat":
        attributes["gen_ai.response.id"] = response_id(task, index)
    if call.finish_reason:
        attributes["gen_ai.response.finish_reasons"] = (_finish_reason(provider, call.finish_reason),)
    return attributes | (_of_usage(call.usage) if call.usage else {})


def _finish_reason(provider: str, canonical: str) -> str:
    return FINISH_REASONS.get(provider, {}).get(canonical, canonical)


def _of_usage(usage: Usage) -> dict[str, AttributeValue]:
    """Kinds that did not occur are left out, as instrumentations do."""
    attributes: dict[str, AttributeValue] = {"gen_ai.usage.input_tokens": usage.input_tokens}
    kinds = {
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }
    return attributes | {key: count for key, count in kinds.items() if count}


def _of_work(step: Step) -> dict[str, AttributeValue]:
    """Tools, retrieval, guardrails, agents and workflows."""
    if step.operation == "execute_tool":
        return {"gen_ai.tool.name": step.name, "gen_ai.tool.type": "function"}
    if step.operation == "retrieval":
        return {"gen_ai.data_source.id": step.name, "gen_ai.retrieval.top_k": 8}
    if step.operation == "invoke_agent":
        return {"gen_ai.agent.name": step.name}
    if step.verdict:
        attributes: dict[str, AttributeValue] = {"gen_ai.guardrail.action.type": ACTIONS[step.verdict.action]}
        if step.verdict.category:
            attributes["gen_ai.guardrail.security.risk.category"] = CATEGORIES[step.verdict.category]
        return attributes
    return {"gen_ai.workflow.name": step.name}


def _of_failure(failure: Failure) -> dict[str, AttributeValue]:
    if failure.cancelled:
        return {}
    status: dict[str, AttributeValue] = (
        {"http.response.status_code": failure.http_status} if failure.http_status else {}
    )
    return {"error.type": failure.exception, **status}
