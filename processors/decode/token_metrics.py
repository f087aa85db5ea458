"""Data points that count tokens, to rows.

Which metrics count tokens is ``conventions/metrics.csv``: OpenTelemetry's histogram, whose attribute
``gen_ai.token.type`` tells the kind, and counters that have the kind in their name.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from processors.conventions.table import AliasTable, read_rows
from processors.decode.points import NO_VALUE, TEMPORALITIES, Origin, PointReader
from processors.messages import Drop

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


@functools.cache
def token_metrics() -> Mapping[str, str]:
    """Metric -> kind of token, empty where the point's own attribute tells it."""
    return {row["metric"]: row["token_type"] for row in read_rows("metrics.csv")}


class TokenReader(PointReader):
    """One row a point: ``POINTS``."""

    def __init__(self, table: AliasTable) -> None:
        super().__init__(table, POINTS)

    def metric(self, metric: Metric, position: int, origin: Origin) -> bool:
        """As ``PointReader`` says."""
        if metric.name not in token_metrics():
            return False
        data = metric.histogram if metric.WhichOneof("data") == "histogram" else metric.sum
        for point in data.data_points:
            if point.flags & NO_VALUE:
                continue
            attributes = list(point.attributes)
            counted = _count(point, _kind(metric.name, attributes), data.aggregation_temporality)
            if counted is None:
                self.drop(origin, Drop.BAD_POINT)
                continue
            found = dict(origin.found)
            self._look_up(attributes, self.table.span, found)
            identity = (_canonical(origin.attributes), str(origin.scope), metric.name, _canonical(attributes))
            series = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:32]
            times = (point.start_time_unix_nano, point.time_unix_nano)
            self.add(origin, position, times, found, (series, *counted))
        return True


def _kind(metric: str, attributes: Iterable[Any]) -> str | None:
    told = next((a.value.string_value.strip().lower() for a in attributes if a.key == _TYPE_KEY), "")
    return token_metrics()[metric] or TOKEN_TYPES.get(told)


def _count(point: Any, kind: str | None, temporality: int) -> tuple[str, bool, int, int | None] | None:
    """The token type, whether it is cumulative, tokens and calls; None where the point tells no count."""
    is_histogram = hasattr(point, "bucket_counts")
    value = point.sum if is_histogram else getattr(point, point.WhichOneof("value") or "as_int")
    cumulative = TEMPORALITIES.get(temporality)
    possible = 0 <= value < 2**63 and float(value).is_integer()  # also refuses NaN
    if kind is None or cumulative is None or not possible or not point.time_unix_nano:
        return None
    return kind, cumulative, int(value), point.count if is_histogram else None


def _canonical(attributes: Iterable[Any]) -> str:
    return "\n".join(sorted(f"{a.key}={a.value.SerializeToString(deterministic=True).hex()}" for a in attributes))
