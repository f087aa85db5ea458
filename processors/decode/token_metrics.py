"""OTLP metrics to columns: data points that count tokens; all others are counted and left alone.

Which metrics count tokens is ``conventions/metrics.csv``: OpenTelemetry's histogram, whose attribute
``gen_ai.token.type`` tells the kind, and counters that have the kind in their name. The rows stand in a ``Decoded``
whose "spans" are data points: ``started_ns`` and ``ended_ns`` are the interval that they speak of, attributes fill the
same fields as on a span. What a span cannot hold is in ``points``, row by row.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from processors.conventions.table import AliasTable, read_rows
from processors.decode.columns import Found, to_table
from processors.decode.decoded import Decoded
from processors.decode.otlp_json import read_json
from processors.decode.payload import BadPayload, is_json, strip_mark
from processors.decode.walk import Walk, message_table, take_each
from processors.messages import Drop, Message

POINTS = pa.schema(
    [
        pa.field("series", pa.string()),  # 32 hex digits: the points that continue each other
        pa.field("token_type", pa.string()),
        pa.field("cumulative", pa.bool_()),  # since the start of the interval, else within it
        pa.field("tokens", pa.int64()),
        pa.field("calls", pa.int64()),  # observations of a histogram; NULL: a counter does not say
    ]
)

TOKEN_TYPES = {
    "input": "input",
    "prompt": "input",
    "output": "output",
    "completion": "output",
    "cache_read": "cached_input",
    "cached_input": "cached_input",
    "cache_write": "cache_write",
    "cache_creation": "cache_write",
    "reasoning": "reasoning",
}
"""What ``gen_ai.token.type`` may say."""

_TYPE_KEY = "gen_ai.token.type"
_NO_VALUE = 1  # flag of a point that says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedMetrics:
    """Data points that count tokens, and how many count something else; ``decoded.dropped`` has the impossible ones."""

    decoded: Decoded
    points: pa.Table
    ignored: int


@functools.cache
def token_metrics() -> Mapping[str, str]:
    """Metric -> kind of token, empty where the point's own attribute tells it."""
    return {row["metric"]: row["token_type"] for row in read_rows("metrics.csv")}


def decode_metrics(messages: Sequence[Message], table: AliasTable) -> DecodedMetrics:
    """Columns of the token counts of a range of messages; verdicts as ``decode`` gives them."""
    walk = _MetricWalk(table)
    dead = take_each(messages, lambda index, message: walk.metrics(index, _parse(message)), "no metrics")
    decoded = walk.columns.finish(
        messages=message_table(messages),
        dead=dead,
        dropped=walk.dropped,
    )
    return DecodedMetrics(decoded=decoded, points=to_table(walk.points, POINTS), ignored=walk.ignored)


def _parse(message: Message) -> Any:
    if is_json(message.value, message.content_type):
        return _parse_json(strip_mark(message.value))
    try:
        return ExportMetricsServiceRequest.FromString(message.value)
    except DecodeError as error:
        raise BadPayload("not protobuf of an ExportMetricsServiceRequest") from error


def _parse_json(value: bytes) -> Any:
    return read_json(value, ("resourceMetrics", "resource_metrics"), _request)


def _request(resources: Iterable[Mapping[str, Any]]) -> Any:
    given = {"resourceMetrics": list(resources)}
    try:
        return json_format.ParseDict(given, ExportMetricsServiceRequest(), ignore_unknown_fields=True)
    except (json_format.Error, OverflowError) as error:
        raise ValueError("not the form of the message") from error


class _MetricWalk(Walk):
    """Fills columns from the data points that count tokens."""

    def __init__(self, table: AliasTable) -> None:
        super().__init__(table)
        self.points: list[tuple[Any, ...]] = []
        self.ignored = 0

    def metrics(self, index: int, request: Any) -> int:
        """Take the data points of one message; -> how many metrics it has."""
        seen = 0
        for resource_metrics in request.resource_metrics:
            resource: Found = {}
            self._look_up(resource_metrics.resource.attributes, self.table.resource, resource)
            known = _canonical(resource_metrics.resource.attributes)
            for scope_metrics in resource_metrics.scope_metrics:
                scope = (scope_metrics.scope.name or None, scope_metrics.scope.version or None)
                for metric in scope_metrics.metrics:
                    seen += 1
                    if metric.name in token_metrics():
                        self._metric((index, seen), metric, scope, resource, known)
                    else:
                        self.ignored += 1
        return seen

    def _metric(
        self, place: tuple[int, int], metric: Metric, scope: tuple[str | None, str | None], resource: Found, known: str
    ) -> None:
        data = metric.histogram if metric.WhichOneof("data") == "histogram" else metric.sum
        for point in data.data_points:
            if point.flags & _NO_VALUE:
                continue
            attributes = list(point.attributes)
            counted = _count(point, _kind(metric.name, attributes), data.aggregation_temporality)
            if counted is None:
                self.dropped[place[0], Drop.BAD_POINT.value] += 1
                continue
            found = dict(resource)
            self._look_up(attributes, self.table.span, found)
            identity = "\n".join((known, str(scope), metric.name, _canonical(attributes)))
            self.points.append((hashlib.sha256(identity.encode()).hexdigest()[:32], *counted))
            times = (point.start_time_unix_nano, point.time_unix_nano)
            self.columns.add(
                structure=(*place, None, None, None, None, 0, *times, 0, None, *scope), found=found, evaluations=[]
            )


def _kind(metric: str, attributes: Iterable[Any]) -> str | None:
    told = next((a.value.string_value.strip().lower() for a in attributes if a.key == _TYPE_KEY), "")
    return token_metrics()[metric] or TOKEN_TYPES.get(told)


def _count(point: Any, kind: str | None, temporality: int) -> tuple[str, bool, int, int | None] | None:
    """The token type, whether it is cumulative, tokens and calls; None where the point tells no count."""
    is_histogram = hasattr(point, "bucket_counts")
    value = point.sum if is_histogram else getattr(point, point.WhichOneof("value") or "as_int")
    known = temporality in (
        AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
        AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
    )
    possible = 0 <= value < 2**63 and float(value).is_integer()  # also refuses NaN
    if kind is None or not known or not possible or not point.time_unix_nano:
        return None
    cumulative = temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    return kind, cumulative, int(value), point.count if is_histogram else None


def _canonical(attributes: Iterable[Any]) -> str:
    return "\n".join(sorted(f"{a.key}={a.value.SerializeToString(deterministic=True).hex()}" for a in attributes))
