"""Compiled code from the disk, or made: ``python -m processors.prepare`` does it before the first start.

A sample range goes through the engine that takes every compiled function once: what a first flush would compile in
seconds is there before the worker joins its group.
"""

from __future__ import annotations

import logging

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processors import decode
from processors.engine import Engine, process_range
from processors.messages import Message
from processors.settings import WorkerSettings

_TRACE = bytes([1] * 16)
_STARTED_NS = 1_790_000_000_000_000_000
_LONG_NS = 1_000_000_000
_CHAT: dict[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 1,
}
_TOLD: tuple[tuple[str, int, int, str, dict[str, str | int]], ...] = (
    ("", 1, 0, "agent", {"gen_ai.operation.name": "invoke_agent", "tenant.id": "sample", "user.id": "sample"}),
    ("opentelemetry.instrumentation.openai_v2", 2, 1, "chat", {**_CHAT, "gen_ai.response.id": "sample-1"}),
    ("openinference.instrumentation.openai", 3, 2, "chat", {**_CHAT, "gen_ai.response.id": "sample-1"}),
    ("opentelemetry.instrumentation.openai_v2", 4, 1, "chat", _CHAT),
    ("openinference.instrumentation.openai", 5, 1, "chat", _CHAT),
    ("litellm", 6, 1, "litellm_request", _CHAT),
    ("litellm", 7, 6, "raw_gen_ai_request", {}),
    ("logfire.openai", 8, 1, "Chat Completion", _CHAT),
    ("logfire.openai", 9, 1, "streaming response from 'gpt-4o-mini'", {**_CHAT, "logfire.span_type": "log"}),
    ("", 1, 0, "agent", {}),
)
"""Scope, span id, parent's id, name, attributes: nested, side by side, split, copied, told again."""


def prepare(engine: Engine) -> None:
    """Load all compiled code, or compile it: about a minute, once for each version, with a line that says so."""
    decode.prepare()
    process_range([Message(topic="", partition=0, offset=0, received_at_us=0, value=sample())], engine)


def sample() -> bytes:
    """A request in which the once rules find something of every kind."""
    request = ExportTraceServiceRequest()
    for scope, number, parent, name, given in _TOLD:
        scope_spans = request.resource_spans.add().scope_spans.add()
        scope_spans.scope.name = scope
        span = scope_spans.spans.add(
            trace_id=_TRACE, span_id=bytes([number] * 8), name=name, kind=Span.SPAN_KIND_CLIENT,
            parent_span_id=bytes([parent] * 8) if parent else b"",
            start_time_unix_nano=_STARTED_NS, end_time_unix_nano=_STARTED_NS + _LONG_NS,
        )  # fmt: skip
        for key, value in given.items():
            told = span.attributes.add(key=key).value
            if isinstance(value, str):
                told.string_value = value
            else:
                told.int_value = value
    return bytes(request.SerializeToString())


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="      %(message)s")
    logging.getLogger("numba").setLevel(logging.WARNING)
    prepare(Engine.of(WorkerSettings(), user_key=b"sample"))
