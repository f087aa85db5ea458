"""LiteLLM's ``raw_gen_ai_request``: what the provider answered, below the span of the call, in Python's spelling.

As litellm 1.77.7 wrote them: it leaves Bedrock's written cache and Gemini's tool tokens out of its own counts, reads
the usage of a blocked Gemini answer without its details, and logs ``anthropic_messages`` twice, in two traces.
"""

from __future__ import annotations

from typing import Any

import pytest

from processors.engine import Engine, process_range
from processors.settings import WorkerSettings
from tests.processors.otlp import message, request, span

ENGINE = Engine.of(WorkerSettings(), user_key=b"key")
GEMINI = {
    "promptTokenCount": 3011,
    "cachedContentTokenCount": 2368,
    "candidatesTokenCount": 296,
    "thoughtsTokenCount": 33,
    "toolUsePromptTokenCount": 55,
    "totalTokenCount": 3395,
}
BEDROCK = {
    "inputTokens": 142,
    "outputTokens": 624,
    "totalTokens": 3760,
    "cacheReadInputTokens": 2757,
    "cacheWriteInputTokens": 237,
}
COUNTS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


def billed(*traces: tuple[dict[str, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    """The billed rows of calls and their wire copies, each pair in a trace of its own."""
    told = []
    for number, (call, copy) in enumerate(traces, 1):
        ids = {"trace_id": bytes([number]) * 16}
        outer, inner = (bytes([number, place]) * 4 for place in (1, 2))
        told.append(span({"llm.request.type": "completion"} | call, name="litellm_request", span_id=outer, **ids))
        told.append(span(copy, name="raw_gen_ai_request", span_id=inner, parent_span_id=outer, **ids))
    rows = process_range([message(request(*told, scope="litellm"))], ENGINE).tables["spans"].to_pylist()
    return [row for row in rows if row["billable"]]


def call(system: str, model: str, *counts: int, **more: Any) -> dict[str, Any]:
    names = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "llm.usage.total_tokens")
    return {"gen_ai.system": system, "gen_ai.request.model": model, **dict(zip(names, counts, strict=True)), **more}


@pytest.mark.parametrize(
    ("told", "copied", "counts"),
    [
        (
            call("gemini", "gemini-2.5-flash", 3011, 296, 3395),
            {"llm.gemini.usageMetadata": str(GEMINI)},
            (3066, 2368, None, 329, 33),
        ),
        (
            call("vertex_ai", "gemini-2.5-pro", 3011, 329, 3395),
            {"llm.vertex_ai.usageMetadata": str(GEMINI)},
            (3066, 2368, None, 329, 33),
        ),
        (
            call("bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", 2899, 624, 3760),
            {"llm.bedrock.usage": str(BEDROCK)},
            (3136, 2757, 237, 624, None),
        ),
        (
            call("openai", "gpt-4o-mini", 1200, 345, 1545),
            {"llm.openai.usage": str({"prompt_tokens": 7})},
            (1200, None, None, 345, None),
        ),
    ],
    ids=["gemini", "vertex", "bedrock", "no counts that are read"],
)
def test_the_provider_s_own_counts_are_billed(told: dict[str, Any], copied: dict[str, Any], counts: tuple[Any, ...]):
    [row] = billed((told, copied))

    assert tuple(row[name] for name in COUNTS) == counts
    assert row["usage_semantics"] in ("inclusive", "exclusive")
    assert row["price_status"] == "priced"


def logged(answer: str, response: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A call as LiteLLM logs it: an id of its own, and the provider's on the copy."""
    told = call("", "claude-sonnet-4-20250514", 1675, 255, 1930)
    return told | {"gen_ai.response.id": f"chatcmpl-{answer}"}, {"llm.None.id": response}


def test_a_call_that_is_logged_twice_is_billed_once_and_two_calls_twice():
    twice = billed(logged("cfa85943a9ae427c", "msg_1795266122"), logged("2e739a324c1540a2", "msg_1795266122"))
    two = billed(logged("cfa85943a9ae427c", "msg_1795266122"), logged("2e739a324c1540a2", "msg_1795266123"))

    assert [row["input_tokens"] for row in twice] == [1675]
    assert [row["input_tokens"] for row in two] == [1675, 1675]
