"""Messages of which the truth is known: by record its spans, by span its tenant and its cost to the picodollar.

Costs are those of ``genai_prices.calc_price``, worked out apart from ``processors/``. Messages are unfriendly: spans
late by days, children before their parents, models that nobody has a price for, bytes that are no spans, and spans
told again: inside the same message (``twice``: one range, so billed once at once), or in another one (``again``: only
settlement can know, so the tenants of these are their own).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random

import genai_prices
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

PICODOLLAR = Decimal("1e-12")
SECOND_NS = 1_000_000_000
LATE_S = 2 * 86_400
MODELS = (
    ("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("openai", "o3-mini"), ("anthropic", "claude-sonnet-4-5"),
    ("openai", "model-without-a-price"),
)  # fmt: skip
ONCE = tuple(f"once-{number}" for number in range(5))
AGAIN = tuple(f"again-{number}" for number in range(3))
POISON = (
    b"", b"\xff\xff not a span at all", b'{"resourceSpans":[{"scopeSpans":', b"\x0a\xff\xff\xff\xff\x0f cut",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span that was sent; ``cost_usd`` None = billed to nobody, or without a price."""

    ids: bytes  # trace id, span id
    tenant: str
    call: bool
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The bytes of a record and the spans in it; a span that stands in it twice is listed twice."""

    value: bytes
    spans: tuple[Span, ...] = ()

    @property
    def is_poison(self) -> bool:
        """Whether it belongs into the dead letter queue."""
        return not self.spans


@dataclass(slots=True, kw_only=True)
class Source:
    """Messages without end; the same ``chance`` gives the same ones but for the time of day."""

    chance: Random
    costs: dict[tuple[str, str, int, int], Decimal | None] = field(default_factory=dict)
    told: list[Message] = field(default_factory=list)  # of the tenants that tell again
    made: int = 0

    def messages(self) -> Iterator[Message]:
        """Kinds by chance; a trace's spans may come in the wrong order and in two messages."""
        while True:
            kind = self.chance.random()
            if kind < 0.05:
                yield Message(value=self._poison())
            elif kind < 0.15:
                yield self._request(ONCE, twice=True)
            elif kind < 0.25 and self.told:
                yield self.chance.choice(self.told)
            elif kind < 0.40:
                message = self._request(AGAIN)
                self.told.append(message)
                yield message
                if self.chance.random() < 0.5:
                    yield message
            else:
                yield self._request(ONCE)

    def _poison(self) -> bytes:
        if self.chance.random() < 0.5:
            return self.chance.choice(POISON)
        whole = self._request(ONCE).value
        return whole[: self.chance.randrange(1, len(whole))]  # field 1 has lost its end, so no prefix is valid

    def _request(self, tenants: Sequence[str], *, twice: bool = False) -> Message:
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = f"s{self.chance.randrange(9)}"
        scope = resource.scope_spans.add()
        scope.scope.name = "opentelemetry.instrumentation.openai_v2"
        late_s = self.chance.choice((0, 0, 0, self.chance.randrange(LATE_S)))
        end_ns = time.time_ns() - late_s * SECOND_NS
        spans: list[Span] = []
        for _ in range(self.chance.randint(1, 12)):
            spans += self._trace(scope, self.chance.choice(tenants), end_ns)
        if twice:
            scope.spans.extend(list(scope.spans))
            spans += spans
        return Message(value=request.SerializeToString(), spans=tuple(spans))

    def _trace(self, scope: ScopeSpans, tenant: str, end_ns: int) -> list[Span]:
        """One to four calls, and behind them the agent that made them, which bills nothing."""
        trace = self.chance.randbytes(16)
        agent = self.chance.randbytes(8)
        spans = [self._call(scope, trace, agent, tenant, end_ns) for _ in range(self.chance.randint(1, 4))]
        span = scope.spans.add(trace_id=trace, span_id=agent, name="invoke_agent helper", kind=1)
        span.start_time_unix_nano, span.end_time_unix_nano = end_ns - 5 * SECOND_NS, end_ns
        _attributes(span, {"gen_ai.operation.name": "invoke_agent", "tenant.id": tenant})
        return [*spans, Span(ids=trace + agent, tenant=tenant, call=False, cost_usd=None)]

    def _call(self, scope: ScopeSpans, trace: bytes, agent: bytes, tenant: str, end_ns: int) -> Span:
        provider, model = self.chance.choice(MODELS)
        used = self.chance.randint(1, 200) * 37, self.chance.randint(1, 90) * 11
        span = scope.spans.add(trace_id=trace, span_id=self.chance.randbytes(8), parent_span_id=agent, kind=3)
        span.name = f"chat {model}"
        span.start_time_unix_nano, span.end_time_unix_nano = end_ns - 2 * SECOND_NS, end_ns - SECOND_NS
        words = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model}
        tokens = dict(zip(("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"), used, strict=True))
        _attributes(span, {**words, **tokens, "gen_ai.response.model": model, "tenant.id": tenant})
        return Span(ids=trace + span.span_id, tenant=tenant, call=True, cost_usd=self._cost(provider, model, *used))

    def _cost(self, provider: str, model: str, input_tokens: int, output_tokens: int) -> Decimal | None:
        key = (provider, model, input_tokens, output_tokens)
        if key not in self.costs:
            self.costs[key] = _list_price(*key)
        return self.costs[key]


def _list_price(provider: str, model: str, input_tokens: int, output_tokens: int) -> Decimal | None:
    usage = genai_prices.Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    at = datetime.now(UTC)
    try:
        price = genai_prices.calc_price(usage, model, provider_id=provider, genai_request_timestamp=at)
    except LookupError:
        return None
    return price.total_price.quantize(PICODOLLAR, rounding=ROUND_HALF_EVEN)


def _attributes(span: object, values: dict[str, str | int]) -> None:
    for key, value in values.items():
        made = span.attributes.add(key=key).value  # type: ignore[attr-defined]  # protobuf's classes are made at run time
        if isinstance(value, int):
            made.int_value = value
        else:
            made.string_value = value
