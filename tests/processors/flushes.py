"""Many cases in one flush: a flush costs 40 to 100 ms however few its spans, so a table of cases is one flush."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar

from hypothesis import Phase
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.conventions.table import load_table
from processors.decode import decode
from processors.engine import Engine, process_ranges
from processors.messages import Message, Processed
from processors.normalise import Rules, normalise
from tests.processors.otlp import message

Case = TypeVar("Case", bound=Hashable)

OPEN = Rules(user_key=b"key", trusted_topics=None)
AS_FOUND = (Phase.explicit, Phase.reuse, Phase.generate)
"""Phases of hypothesis where one example is many cases: assertions name the case, and to shrink all takes minutes."""


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


def processed_of(cases: Mapping[Case, Sequence[Message]], engine: Engine) -> dict[Case, Processed]:
    """What the engine makes of each case's messages: all in one pass, each case a range that no other one touches."""
    return dict(zip(cases, process_ranges(list(cases.values()), engine), strict=True))


def stored_of(cases: Mapping[Case, ExportTraceServiceRequest], engine: Engine) -> dict[Case, dict[str, Any]]:
    """The row of ``spans`` that the engine makes of each case's request of one span, from one pass."""
    made = processed_of({case: [message(sent)] for case, sent in cases.items()}, engine)
    tables = {case: one.tables["spans"].to_pylist() for case, one in made.items()}
    return {case: row for case, [row] in tables.items()}


def billed_of(
    cases: Mapping[Case, Sequence[bytes | ExportTraceServiceRequest]], engine: Engine
) -> dict[Case, list[dict[str, Any]]]:
    """The billed rows of each case's requests, from one pass of the engine."""
    made = processed_of({case: [message(one) for one in sent] for case, sent in cases.items()}, engine)
    return {case: [row for row in one.tables["spans"].to_pylist() if row["billable"]] for case, one in made.items()}


def bill_of(cases: Mapping[Case, bytes | ExportTraceServiceRequest], engine: Engine) -> dict[Case, dict[str, Any]]:
    """Like :func:`billed_of` where each case is one request and one call."""
    rows = billed_of({case: [sent] for case, sent in cases.items()}, engine)
    odd = {case: len(of_case) for case, of_case in rows.items() if len(of_case) != 1}
    assert not odd, f"not one call: {odd}"
    return {case: of_case[0] for case, of_case in rows.items()}


def _in_own_traces(sent: ExportTraceServiceRequest, number: int) -> ExportTraceServiceRequest:
    own = ExportTraceServiceRequest()
    own.CopyFrom(sent)
    for of_resource in own.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                span.trace_id = number.to_bytes(8, "big") + span.trace_id[8:]
    return own
