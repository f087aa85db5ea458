"""One record's value to protobuf messages: which encoding it is, and whether it can be read at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHERS = {
    b"\x1f\x8b": "gzip, not unpacked",
    b"\x28\xb5\x2f\xfd": "Zstandard, not unpacked",
    b"PK\x03\x04": "a zip archive, not unpacked",
    b"\xff\xfe": "UTF-16 text; JSON must be UTF-8",
    b"\xfe\xff": "UTF-16 text; JSON must be UTF-8",
}
"""How other forms begin -> what they are."""


class BadPayload(Exception):
    """The bytes are neither protobuf nor JSON of an ``ExportTraceServiceRequest``; the text holds no content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What one record held; ``bad_spans`` could not be read and are not among ``resource_spans``."""

    resource_spans: Sequence[ResourceSpans]
    bad_spans: int = 0


def is_json(value: bytes, content_type: str | None) -> bool:
    """Told by the header, else by the first byte: protobuf of a request never begins with a bracket.

    It does begin with a line feed (field 1), which may be followed by a bracket (a length): blanks before JSON without
    a header may be of any other kind.
    """
    if content_type is not None and _says_json(content_type):
        return True
    return not value.startswith(b"\n") and value.removeprefix(_BYTE_ORDER_MARK).lstrip(b" \t\r")[:1] in (b"{", b"[")


@lru_cache(maxsize=64)
def _says_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def parse_protobuf(value: bytes) -> Payload:
    """The resource spans of one protobuf payload; raises BadPayload."""
    try:
        request = ExportTraceServiceRequest.FromString(value)
    except DecodeError as error:
        looks_like = next((form for mark, form in _OTHERS.items() if value.startswith(mark)), None)
        raise BadPayload(looks_like or "not protobuf of an ExportTraceServiceRequest") from error
    return Payload(resource_spans=request.resource_spans)


def strip_mark(value: bytes) -> bytes:
    """JSON bytes without a byte order mark."""
    return value.removeprefix(_BYTE_ORDER_MARK)
