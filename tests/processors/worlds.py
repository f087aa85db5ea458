"""Worlds for laws: model calls as they were, and the spans that instrumentations tell of them.

A scene adds calls (the truth) and spans to a ``World``. Nothing of ours is asked for the truth: costs come from
``genai_prices``. ``WRITERS`` say how an instrumentation writes one call; what it does not tell is left out.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import genai_prices
from genai_prices import types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from tests.processors.otlp import START_NS, attributes

NOON = dt.datetime.fromtimestamp(START_NS / 1e9, dt.UTC)
SLOT_MS = 60_000
OWN_MODEL = "our-own-model"
"""Of a server of one's own: no list has a price for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Input includes cached, output includes reasoning."""

    input: int
    output: int = 0
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One model call as it was; ``usage`` None: nobody knows, or it was refused."""

    model: str = "gpt-4o-mini"
    provider: str = "openai"
    operation: str = "chat"
    usage: Usage | None = None
    tenant: str | None = None

    @property
    def bill(self) -> tuple[Any, ...]:
        """What the ledger must say of it."""
        used = self.usage
        if used is None:
            return (self.tenant, self.operation, self.model, None, None, None, None, None)
        told = (used.input, used.output, used.cached, used.reasoning)
        return (self.tenant, self.operation, self.model, *told, _cost(self.model, self.provider, *told))


@cache
def _cost(model: str, provider: str, *told: int) -> Decimal | None:
    if model == OWN_MODEL:
        return None
    known = types.Usage(input_tokens=told[0], output_tokens=told[1] or None, cache_read_tokens=told[2] or None)
    price = genai_prices.calc_price(known, model, provider_id=provider, genai_request_timestamp=NOON)
    return Decimal(price.total_price).quantize(Decimal("1e-12"))


@dataclass(slots=True, kw_only=True)
class Told:
    """One span; times in milliseconds of the world."""

    trace: int
    id: int
    parent: int | None
    at: float
    ms: float
    service: str | None
    scope: str
    given: dict[str, Any]
    name: str = "a span"
    kind: int = 1
    failed: bool = False

    def span(self) -> Span:
        """As the wire has it."""
        start = START_NS + int(self.at * 1000) * 1000
        return Span(
            trace_id=self.trace.to_bytes(16, "big"),
            span_id=self.id.to_bytes(8, "big"),
            parent_span_id=b"" if self.parent is None else self.parent.to_bytes(8, "big"),
            name=self.name,
            kind=self.kind,  # type: ignore[arg-type]  # an enum is its number
            start_time_unix_nano=start,
            end_time_unix_nano=start + int(self.ms * 1000) * 1000,
            attributes=attributes(self.given),
            status=Status(code=2 if self.failed else 0),
        )

    def resource_spans(self) -> ResourceSpans:
        """The span with its resource and scope."""
        scope = ScopeSpans(
            scope=InstrumentationScope(name=self.scope, version=f"1.{len(self.scope)}.{ord(self.scope[0])}"),
            spans=[self.span()],
        )
        named = {} if self.service is None else {"service.name": self.service}
        return ResourceSpans(resource=Resource(attributes=attributes(named)), scope_spans=[scope])


@dataclass(slots=True, kw_only=True)
class World:
    """Calls as they were and spans as they are told; scenes follow each other, a minute each."""

    calls: list[Call] = field(default_factory=list)
    spans: list[Told] = field(default_factory=list)
    slot: int = 0
    _last: int = 0

    def number(self) -> int:
        """A number that nothing else has."""
        self._last += 1
        return self._last

    def response_id(self, prefix: str = "chatcmpl-") -> str:
        """An id that a provider would make."""
        return f"{prefix}{self.number() * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"

    def plain(self, parent: Told | None = None, given: Mapping[str, Any] | None = None, **fields: Any) -> Told:
        """A span that is no GenAI span, in the trace of its parent or one of its own."""
        known = {"at": 0, "ms": 20_000, "service": "shop", "scope": "http", "trace": None} | fields
        known["trace"] = parent.trace if parent else known["trace"] or self.number()
        known["at"] += self.slot * SLOT_MS
        span = Told(id=self.number(), parent=parent and parent.id, given=dict(given or {"http.route": "/"}), **known)
        self.spans.append(span)
        return span

    def tell(self, convention: str, call: Call, parent: Told | None = None, **fields: Any) -> Told:
        """A span that tells of the call. ``id``: its response id; ``known`` False: without usage; ``also``: more."""
        id_, known, also = fields.pop("id", None), fields.pop("known", True), fields.pop("also", {})
        scope, write = WRITERS[convention]
        if fields.get("failed"):
            also = also | {"error.type": "RateLimitError", "http.response.status_code": 429}
        given = write(call, call.usage if known else None, id_) | also
        if parent is None and call.tenant:
            given["tenant.id"] = call.tenant
        kind = 2 if convention == "vllm" else 3
        return self.plain(parent, given, scope=scope, kind=kind, **{"ms": 1000} | fields)


def request(spans: list[Told]) -> ExportTraceServiceRequest:
    """The spans as one request."""
    return ExportTraceServiceRequest(resource_spans=[span.resource_spans() for span in spans])


Write = Callable[[Call, Usage | None, str | None], dict[str, Any]]


def _filled(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}


def _tokens(used: Usage | None, names: tuple[str, str, str, str]) -> dict[str, Any]:
    """Names of input, output, cached and reasoning counts; parts of nothing are not told."""
    if used is None:
        return {}
    return {
        names[0]: used.input,
        names[1]: used.output,
        names[2]: used.cached or None,
        names[3]: used.reasoning or None,
    }


def _otel(provider_key: str, *names: str, operation: str = "gen_ai.operation.name") -> Write:
    def write(call: Call, used: Usage | None, id_: str | None) -> dict[str, Any]:
        told = {
            operation: call.operation,
            provider_key: call.provider,
            "gen_ai.request.model": call.model,
            "gen_ai.response.model": call.model if used else None,
            "gen_ai.response.id": id_,
        }
        return _filled(told | _tokens(used, names))  # type: ignore[arg-type]  # four names

    return write


def _openinference(call: Call, used: Usage | None, id_: str | None) -> dict[str, Any]:
    embeds = call.operation == "embeddings"
    count = "llm.token_count."
    names = (f"{count}prompt", f"{count}completion", f"{count}prompt_details.cache_read",
             f"{count}completion_details.reasoning")  # fmt: skip
    told = {
        "openinference.span.kind": "EMBEDDING" if embeds else "LLM",
        "llm.provider": call.provider,
        "embedding.model_name" if embeds else "llm.model_name": call.model,
        "output.value": id_ and json.dumps({"id": id_, "object": "chat.completion", "choices": []}),
    }
    return _filled(told | _tokens(used, names))


def _vercel_legacy(call: Call, used: Usage | None, id_: str | None) -> dict[str, Any]:
    embeds = call.operation == "embeddings"
    names = ("ai.usage.tokens" if embeds else "ai.usage.promptTokens", "ai.usage.completionTokens",
             "ai.usage.cachedInputTokens", "ai.usage.reasoningTokens")  # fmt: skip
    told = {
        "ai.operationId": "ai.embed.doEmbed" if embeds else "ai.generateText.doGenerate",
        "ai.model.provider": f"{call.provider}.chat",
        "ai.model.id": call.model,
        "ai.response.id": id_,
    }
    return _filled(told | _tokens(used, names))


def _langfuse(call: Call, used: Usage | None, id_: str | None) -> dict[str, Any]:
    counts = used and {"input": used.input - used.cached, "output": used.output - used.reasoning,
                       "input_cached_tokens": used.cached, "output_reasoning_tokens": used.reasoning}  # fmt: skip
    return _filled(
        {
            "langfuse.observation.type": "embedding" if call.operation == "embeddings" else "generation",
            "langfuse.observation.model.name": call.model,
            "gen_ai.system": call.provider,
            "gen_ai.request.model": call.model,
            "gen_ai.response.id": id_,
            "langfuse.observation.usage_details": counts and json.dumps(counts),
        }
    )


def _vllm(call: Call, used: Usage | None, id_: str | None) -> dict[str, Any]:
    names = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "gen_ai.usage.cached_tokens",
             "gen_ai.usage.completion_tokens_details.reasoning_tokens")  # fmt: skip
    told = {"gen_ai.request.id": id_ and f"{id_}-0", "gen_ai.response.model": call.model, "gen_ai.latency.e2e": 0.9}
    return _filled(told | _tokens(used, names))


_NEW = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.reasoning.output_tokens")  # fmt: skip
_OLD = ("gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens", "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.reasoning_tokens")  # fmt: skip
_DETAILS = (*_NEW[:2], "gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.reasoning_tokens")
_OPENLIT = (*_NEW[:2], "gen_ai.usage.prompt_tokens_details.cached_tokens",
            "gen_ai.usage.completion_tokens_details.reasoning_tokens")  # fmt: skip

WRITERS: Mapping[str, tuple[str, Write]] = {
    "otel_genai": ("opentelemetry.instrumentation.genai.openai", _otel("gen_ai.provider.name", *_NEW)),
    "openllmetry": (
        "opentelemetry.instrumentation.openai.v1",
        _otel("gen_ai.system", *_OLD, operation="llm.request.type"),
    ),
    "openinference": ("openinference.instrumentation.openai", _openinference),
    "vercel_ai_legacy": ("ai", _vercel_legacy),
    "vercel_ai_genai_v7": ("gen_ai", _otel("gen_ai.provider.name", *_NEW)),
    "langfuse": ("langfuse-sdk", _langfuse),
    "litellm_v1": ("litellm", _otel("gen_ai.system", *_NEW)),
    "pydantic_ai": ("pydantic-ai", _otel("gen_ai.provider.name", *_DETAILS)),
    "logfire": ("logfire.openai", _otel("gen_ai.provider.name", *_NEW)),
    "openlit": ("openlit.otel.tracing", _otel("gen_ai.system", *_OPENLIT)),
    "anthropic_sdk_native": ("com.anthropic.sdk.python", _otel("gen_ai.provider.name", *_NEW)),
    "of nobody known": ("acme.tracing", _otel("gen_ai.provider.name", *_NEW)),
    "vllm": ("vllm.llm_engine", _vllm),
}
"""Convention -> scope and writer of one call."""

CLIENTS = tuple(name for name in WRITERS if name != "vllm")
LIBRARIES = {"anthropic_sdk_native": "anthropic"} | dict.fromkeys(
    ("otel_genai", "openllmetry", "openinference", "logfire"), "openai"
)
"""Client library whose requests an instrumentation sees; the others ask through any."""


PAIRS = tuple(
    (one, other)
    for one, other in itertools.permutations(CLIENTS, 2)
    if len({LIBRARIES[name] for name in (one, other) if name in LIBRARIES}) < len((one, other))
)
"""Two instrumentations that may tell of one call: a request goes through one library."""
