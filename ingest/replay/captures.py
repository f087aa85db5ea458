"""Captured files: OTLP requests as protobuf or JSON, told apart by their first byte.

A JSON file holds one request, or one per line as a Collector's file exporter writes them. Bytes that are neither are
kept as they are: who receives them gives the verdict. JSON says itself whether it holds traces, metrics or logs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
SIGNALS = ("traces", "metrics", "logs")
_OPENINGS = b"{["
_FIELDS = {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One file: its requests as they stand in it."""

    source_file: str
    content_type: str
    signal: str
    requests: tuple[bytes, ...]

    @property
    def format(self) -> str:
        """Name of the encoding: protobuf or json."""
        return "json" if self.content_type == JSON else "protobuf"


def read_capture(path: str, *, signal: str = "traces") -> Capture:
    """The requests of a file; ``signal`` is what protobuf holds, which does not say. Raises OSError."""
    content = Path(path).read_bytes()
    if content.lstrip()[:1] not in [bytes([opening]) for opening in _OPENINGS]:
        return Capture(source_file=path, content_type=PROTOBUF, signal=signal, requests=(content,))
    requests = _split_lines(content)
    return Capture(source_file=path, content_type=JSON, signal=_signal_of(requests[0]) or signal, requests=requests)


def count_spans(body: bytes, content_type: str) -> int | None:
    """How many spans a trace request holds; None where it cannot be read."""
    try:
        if content_type == PROTOBUF:
            request = ExportTraceServiceRequest.FromString(body)
            return sum(len(s.spans) for r in request.resource_spans for s in r.scope_spans)
        return sum(len(scope["spans"]) for scope in _scopes(json.loads(body)))
    except (DecodeError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _scopes(request: Any) -> list[dict[str, Any]]:
    return [scope for resource in request["resourceSpans"] for scope in resource.get("scopeSpans", [])]


def _split_lines(content: bytes) -> tuple[bytes, ...]:
    """One request per line where the first line is a request by itself, else one request."""
    lines = [line for line in content.splitlines() if line.strip()]
    if len(lines) > 1 and _signal_of(lines[0]):
        return tuple(lines)
    return (content,)


def _signal_of(body: bytes) -> str | None:
    try:
        request = json.loads(body)
    except ValueError:
        return None
    if not isinstance(request, dict):
        return None
    return next((signal for field, signal in _FIELDS.items() if field in request), None)
