"""The calls of the live test: what the server answers to each, and what a ledger must make of it.

Every case is one logical call, made under an application span that carries its name as the feature. The truth comes
from the server, not from the spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import genai_prices

from ingest.simulator import Line, Truth
from ingest.simulator.truth import TOKEN_KINDS

MODEL, ANSWERING_MODEL = "gpt-4o-mini", "gpt-4o-mini-2024-07-18"
EMBEDDING_MODEL = "text-embedding-3-small"
SECRETS = ("jane.doe@example.com", "top secret answer", "org-secret", "sk-live-secret")
"""Content and credentials of the calls: none of it may be found in a lake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call. ``status`` other than 200 is refused with ``code``; ``refusals`` times only, where that is set."""

    name: str
    operation: str = "chat"
    stream: bool = False
    include_usage: bool = True
    tools: bool = False
    asynchronous: bool = False
    finish_reason: str | None = "stop"
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    status: int = 200
    code: str | None = None
    message: str = ""
    refusals: int | None = None
    error_class: str | None = None

    @property
    def fails(self) -> bool:
        """Whether the client gets an error in the end."""
        return self.status != 200 and self.refusals is None

    @property
    def has_usage(self) -> bool:
        """Whether the server told token counts."""
        return not self.fails and self.include_usage


CASES = (
    Case(name="chat", input_tokens=1_200, cached_input_tokens=1_024, output_tokens=345, reasoning_tokens=128),
    Case(name="chat-async", asynchronous=True, input_tokens=731, output_tokens=17),
    Case(name="stream", stream=True, input_tokens=640, cached_input_tokens=512, output_tokens=96),
    Case(name="stream-async", asynchronous=True, stream=True, input_tokens=333, output_tokens=44),
    Case(name="stream-without-usage", stream=True, include_usage=False),
    Case(name="tools", tools=True, finish_reason="tool_calls", input_tokens=412, output_tokens=23),
    Case(name="truncated", finish_reason="length", input_tokens=90, output_tokens=50),
    Case(name="embeddings", operation="embeddings", finish_reason=None, input_tokens=77),
    Case(name="retried", status=429, code="rate_limit_exceeded", refusals=1, input_tokens=210, output_tokens=31),
    Case(
        name="rate-limit",
        status=429,
        code="rate_limit_exceeded",
        message="Rate limit reached for gpt-4o-mini in organization org-secret on requests per min",
        error_class="rate_limit",
    ),
    Case(
        name="quota",
        status=429,
        code="insufficient_quota",
        message="You exceeded your current quota, please check your plan and billing details.",
        error_class="quota_exceeded",
    ),
    Case(
        name="server-error",
        status=500,
        message="The server had an error while processing your request",
        error_class="server_error",
    ),
    Case(
        name="context-length",
        status=400,
        code="context_length_exceeded",
        message="This model's maximum context length is 128000 tokens. Your messages resulted in 140123 tokens.",
        error_class="context_length_exceeded",
    ),
    Case(
        name="wrong-key",
        status=401,
        code="invalid_api_key",
        message="Incorrect API key provided: sk-live-secret.",
        error_class="auth",
    ),
)
BY_NAME = {case.name: case for case in CASES}


def expected_call(case: Case) -> dict[str, Any]:
    """What the canonical call of ``case`` must say; None is NULL."""
    model = EMBEDDING_MODEL if case.operation == "embeddings" else MODEL
    told = case.has_usage
    return {
        "feature": case.name,
        "operation": case.operation,
        "request_model": model,
        "status": "error" if case.fails else "ok",
        "error_class": case.error_class,
        "finish_reason": None if case.fails else case.finish_reason,
        "input_tokens": case.input_tokens if told else None,
        "cached_input_tokens": case.cached_input_tokens if told else None,
        "output_tokens": case.output_tokens if told else None,
        "reasoning_tokens": case.reasoning_tokens if told else None,
        "cost_usd": cost_usd(case),
        "stream": case.stream,
    }


def cost_usd(case: Case) -> Decimal | None:
    """The price of the call, None where no usage was told."""
    if not case.has_usage:
        return None
    usage = genai_prices.Usage(
        input_tokens=case.input_tokens,
        cache_read_tokens=case.cached_input_tokens,
        output_tokens=case.output_tokens,
    )
    model = EMBEDDING_MODEL if case.operation == "embeddings" else ANSWERING_MODEL
    price = genai_prices.calc_price(usage, model, provider_id="openai", genai_request_timestamp=datetime.now(UTC))
    return price.total_price.quantize(Decimal("1e-12"), rounding=ROUND_HALF_EVEN)


def expected_truth(tenant: str) -> Truth:
    """The truth of one run of all cases by ``tenant``: calls only, the number of spans is the instrumentation's."""
    total = Truth()
    for case in CASES:
        total = total.merge(_truth_of(case, tenant))
    return total


def _truth_of(case: Case, tenant: str) -> Truth:
    cost = cost_usd(case)
    tokens = {kind: getattr(case, kind, 0) for kind in TOKEN_KINDS}
    model = EMBEDDING_MODEL if case.operation == "embeddings" else MODEL if case.fails else ANSWERING_MODEL
    line = Line(
        tenant=tenant,
        feature=case.name,
        model=model,
        calls=1,
        priced_calls=int(cost is not None),
        tokens=tokens,
        cost_usd=cost,
    )
    return Truth(
        calls=1,
        priced_calls=line.priced_calls,
        unpriced_calls=1 - line.priced_calls,
        tokens=tokens,
        cost_usd=cost,
        errors={case.error_class: 1} if case.error_class else {},
        by=(line,),
    )
