"""OTLP payloads for measurements: every span differs from every other in ids, times, counts and incompressible content.

A request holds one resource and one scope, as an SDK's batch processor sends it. Shapes:

========  ==========================================================================================================
chat      chat calls alone, each in a trace of its own: 25 attributes of OpenTelemetry's GenAI conventions
traces    an agent, two chats, an embedding and a tool in every trace of five
========  ==========================================================================================================
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
MODELS = (("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("openai", "o3-mini"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """``content_bytes``: random text on each chat span; about 900 bytes of a span are no content.

    ``hosts``: as many resources take turns, message by message (a gateway keeps one resource in one partition).
    """

    kind: str = "chat"
    spans_per_message: int = 50
    content_bytes: int = 550
    tenants: int = 10
    features: int = 8
    hosts: int = 1


def payloads(shape: Shape, spans: int, seed: int = 1) -> Iterator[bytes]:
    """Serialised requests with about so many spans in all; the same seed gives the same bytes."""
    rng = random.Random(seed)
    made = 0
    while made < spans:
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        host = f"h{made // shape.spans_per_message % shape.hosts + 1}"
        for key, value in (("service.name", "assistant"), ("telemetry.sdk.language", "python"), ("host.name", host)):
            resource.resource.attributes.add(key=key).value.string_value = value
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = "opentelemetry.instrumentation.openai_v2", "2.1b0"
        while len(scope.spans) < shape.spans_per_message:
            _add_trace(scope, shape, rng, START_NS + (made + len(scope.spans)) * 20_000_000)
        made += len(scope.spans)
        yield request.SerializeToString()


@dataclass(slots=True, kw_only=True)
class Trace:
    """A trace in the making: what all its spans share."""

    shape: Shape
    rng: random.Random
    at_ns: int
    trace_id: bytes
    owner: dict[str, str]

    def add(self, span: Span, name: str, parent: bytes, *, after_ns: int, long_ns: int) -> Span:
        """Place a span in the trace."""
        span.trace_id, span.span_id, span.parent_span_id = self.trace_id, self.rng.randbytes(8), parent
        span.name, span.kind = name, Span.SPAN_KIND_CLIENT
        span.start_time_unix_nano = self.at_ns + after_ns + self.rng.randrange(1_000_000)
        span.end_time_unix_nano = span.start_time_unix_nano + self.rng.randrange(long_ns // 2, long_ns)
        return span


def _add_trace(scope: ScopeSpans, shape: Shape, rng: random.Random, at_ns: int) -> None:
    tenant, feature = f"tenant-{rng.randrange(shape.tenants)}", f"feature-{rng.randrange(shape.features)}"
    owner = {"tenant.id": tenant, "feature": feature, "gen_ai.conversation.id": rng.randbytes(8).hex()}
    trace = Trace(shape=shape, rng=rng, at_ns=at_ns, trace_id=rng.randbytes(16), owner=owner)
    if shape.kind == "chat":
        _chat(trace, scope.spans.add(), b"", 0)
        return
    root = trace.add(scope.spans.add(), "invoke_agent helper", b"", after_ns=0, long_ns=9 * SECOND_NS)
    _put(root, {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper", **owner})
    for turn in range(2):
        _chat(trace, scope.spans.add(), root.span_id, turn * SECOND_NS)
    model = "text-embedding-3-small"
    embedding = trace.add(
        scope.spans.add(), f"embeddings {model}", root.span_id, after_ns=3 * SECOND_NS, long_ns=80_000_000
    )
    _put(embedding, {"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "openai"})
    _put(embedding, {"gen_ai.request.model": model, "gen_ai.usage.input_tokens": rng.randrange(2000)})
    tool = trace.add(
        scope.spans.add(), "execute_tool search", root.span_id, after_ns=4 * SECOND_NS, long_ns=300_000_000
    )
    _put(tool, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})
    _put(tool, {"gen_ai.tool.call.id": rng.randbytes(8).hex()})


def _chat(trace: Trace, span: Span, parent: bytes, after_ns: int) -> None:
    rng = trace.rng
    provider, model = rng.choice(MODELS)
    trace.add(span, f"chat {model}", parent, after_ns=after_ns, long_ns=4 * SECOND_NS)
    cached = rng.randrange(0, 2000)
    random_bytes = trace.shape.content_bytes * 3 // 8
    question = base64.b64encode(rng.randbytes(random_bytes)).decode()
    answer = base64.b64encode(rng.randbytes(random_bytes)).decode()
    _put(
        span,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.response.id": f"chatcmpl-{rng.randbytes(12).hex()}",
            "gen_ai.request.temperature": rng.random(),
            "gen_ai.request.top_p": rng.random(),
            "gen_ai.request.max_tokens": rng.randrange(1, 4000),
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": cached + rng.randrange(1, 4000),
            "gen_ai.usage.cache_read.input_tokens": cached,
            "gen_ai.usage.output_tokens": rng.randrange(1, 2000),
            "gen_ai.response.time_to_first_chunk": rng.random(),
            "gen_ai.request.stream": True,
            "server.address": "api.example.net",
            "server.port": 443,
            **trace.owner,
            "user.id": f"user-{rng.randrange(100_000)}",
            "app.request.id": rng.randbytes(8).hex(),
            "app.region": "eu-west-1",
            "app.build": rng.randrange(10_000),
            "gen_ai.input.messages": f'[{{"role":"user","parts":[{{"type":"text","content":"{question}"}}]}}]',
            "gen_ai.output.messages": f'[{{"role":"assistant","parts":[{{"type":"text","content":"{answer}"}}]}}]',
        },
    )


def _put(span: Span, attributes: dict[str, str | bool | int | float | list[str]]) -> None:
    for key, told in attributes.items():
        value = span.attributes.add(key=key).value
        match told:
            case bool():
                value.bool_value = told
            case int():
                value.int_value = told
            case float():
                value.double_value = told
            case str():
                value.string_value = told
            case list():
                for item in told:
                    value.array_value.values.add().string_value = item
