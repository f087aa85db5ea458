"""Fresh ids, so that spans sent again are other spans: the structure of each trace stays as it was.

Trace and span ids are XORed with a mask, the same for all files of one repetition, so parents and links across files
still meet. ``gen_ai.response.id`` gets a suffix: two calls that claim one answer would be billed once. Ids that stand
in content only (OpenInference's ``output.value``) are not touched.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Self

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.replay.captures import PROTOBUF

RESPONSE_ID = "gen_ai.response.id"
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8


class Unreadable(Exception):
    """The request cannot be read, so its ids cannot be changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshIds:
    """The masks of one repetition."""

    trace_mask: bytes
    span_mask: bytes

    @classmethod
    def draw(cls, rng: Random) -> Self:
        """New masks."""
        return cls(trace_mask=rng.randbytes(TRACE_ID_BYTES), span_mask=rng.randbytes(SPAN_ID_BYTES))

    def renew(self, body: bytes, content_type: str) -> bytes:
        """The same trace request with other ids. Raises Unreadable."""
        try:
            return self._renew_protobuf(body) if content_type == PROTOBUF else self._renew_json(body)
        except (DecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable("it is no trace request, so it cannot get fresh ids") from error

    @property
    def suffix(self) -> str:
        """What makes response ids differ."""
        return f"-{self.span_mask.hex()}"

    def _renew_protobuf(self, body: bytes) -> bytes:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._renew_span(span)
        return bytes(request.SerializeToString())

    def _renew_span(self, span: Any) -> None:
        for holder in (span, *span.links):
            holder.trace_id = _mix(holder.trace_id, self.trace_mask)
            holder.span_id = _mix(holder.span_id, self.span_mask)
        span.parent_span_id = _mix(span.parent_span_id, self.span_mask)
        for attribute in span.attributes:
            if attribute.key == RESPONSE_ID and attribute.value.string_value:
                attribute.value.string_value += self.suffix

    def _renew_json(self, body: bytes) -> bytes:
        request = json.loads(body)
        for resource in request["resourceSpans"]:
            for scope in resource.get("scopeSpans", []):
                for span in scope.get("spans", []):
                    self._renew_span_json(span)
        return json.dumps(request).encode()

    def _renew_span_json(self, span: dict[str, Any]) -> None:
        fields: dict[str, Callable[[str], str]] = {
            "traceId": lambda text: _mix(bytes.fromhex(text), self.trace_mask).hex(),
            "spanId": lambda text: _mix(bytes.fromhex(text), self.span_mask).hex(),
            "parentSpanId": lambda text: _mix(bytes.fromhex(text), self.span_mask).hex(),
        }
        for holder in (span, *span.get("links", [])):
            holder.update({name: renew(holder[name]) for name, renew in fields.items() if name in holder})
        for attribute in span.get("attributes", []):
            value = attribute.get("value", {})
            if attribute.get("key") == RESPONSE_ID and value.get("stringValue"):
                value["stringValue"] += self.suffix


def _mix(identifier: bytes, mask: bytes) -> bytes:
    """An absent id stays absent, an invalid one invalid."""
    if len(identifier) != len(mask) or not any(identifier):
        return identifier
    return bytes(byte ^ other for byte, other in zip(identifier, mask, strict=True))
