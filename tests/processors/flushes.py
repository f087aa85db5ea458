"""Many cases in one flush: a flush costs 40 to 100 ms however few its spans, so a table of cases is one flush."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.conventions.table import load_table
from processors.decode import decode
from processors.messages import Message
from processors.normalise import Rules, normalise
from tests.processors.otlp import message

Case = TypeVar("Case", bound=Hashable)

OPEN = Rules(user_key=b"key", trusted_topics=None)


def messages_of(requests: Mapping[Any, ExportTraceServiceRequest]) -> list[Message]:
    """A record each, with traces of its own: the first half of a trace id is the case's number."""
    return [message(_in_own_traces(sent, number), offset=number) for number, sent in enumerate(requests.values())]


def by_case(requests: Mapping[Case, Any], rows: list[dict[str, Any]]) -> dict[Case, list[dict[str, Any]]]:
    """The rows of every case, in their order; a case without rows has an empty list."""
    cases = list(requests)
    found: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases}
    for row in rows:
        found[cases[int.from_bytes(row["trace_id"][:8], "big")]].append(row)
    return found


def rows_of(
    requests: Mapping[Case, ExportTraceServiceRequest], rules: Rules = OPEN
) -> dict[Case, list[dict[str, Any]]]:
    """The rows of table ``spans`` that each case's request makes, all taken by one flush."""
    spans = normalise(decode(messages_of(requests), load_table()), rules).spans
    return by_case(requests, spans.to_pylist())


def row_of(requests: Mapping[Case, ExportTraceServiceRequest], rules: Rules = OPEN) -> dict[Case, dict[str, Any]]:
    """Like :func:`rows_of` where each case is a request of one span."""
    return {case: row for case, [row] in rows_of(requests, rules).items()}


def _in_own_traces(sent: ExportTraceServiceRequest, number: int) -> ExportTraceServiceRequest:
    own = ExportTraceServiceRequest()
    own.CopyFrom(sent)
    for of_resource in own.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                span.trace_id = number.to_bytes(8, "big") + span.trace_id[8:]
    return own
