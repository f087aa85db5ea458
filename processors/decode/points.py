"""Data points of metrics as rows of columns: what readers of metrics have in common.

A row stands in a ``Decoded`` whose "spans" are data points: ``started_ns`` and ``ended_ns`` are the interval that they
speak of, attributes of the resource fill the same fields as on a span. What a span cannot hold is in ``told``, row by
row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from processors.conventions.table import AliasTable
from processors.decode.columns import Found, to_table
from processors.decode.decoded import Decoded
from processors.decode.walk import Walk
from processors.messages import Drop

NO_VALUE = 1
"""Flag of a point that says nothing: its series ended."""
TEMPORALITIES: Mapping[int, bool] = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: False,
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: True,
}
"""Whether a sum counts since the start of its interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Rows that a reader made: ``decoded`` and, row by row, ``told``."""

    decoded: Decoded
    told: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where metrics come from: the message, the resource as attributes and as fields, the scope.

    ``may_tell_of_gpus``: as of the message.
    """

    message: int
    attributes: tuple[Any, ...]
    found: Found
    scope: tuple[str | None, str | None]
    may_tell_of_gpus: bool


class PointReader(Walk, ABC):
    """Fills columns from the data points of the metrics that it knows."""

    def __init__(self, table: AliasTable, told: pa.Schema) -> None:
        super().__init__(table)
        self._schema = told
        self._told: list[tuple[Any, ...]] = []

    def resource(self, attributes: Iterable[Any]) -> Found:
        """What attributes of a resource say."""
        found: Found = {}
        self._look_up(attributes, self.table.resource, found)
        return found

    @abstractmethod
    def metric(self, metric: Metric, position: int, origin: Origin) -> bool:
        """Take the points of a metric; False where it is none of the reader's."""

    def end_resource(self) -> None:
        """All metrics of a resource have been taken."""

    def drop(self, origin: Origin, reason: Drop) -> None:
        """Count a point that is left out."""
        self.dropped[origin.message, reason.value] += 1

    def add(self, origin: Origin, position: int, times: tuple[int, int], found: Found, told: tuple[Any, ...]) -> None:
        """One row; ``times``: start and end of what it speaks of, in nanoseconds, 0 = not told."""
        self._told.append(told)
        structure = (origin.message, position, None, None, None, None, 0, *times, 0, None, *origin.scope)
        self.columns.add(structure=structure, found=found, evaluations=[])

    def finish(self, messages: pa.Table) -> Points:
        """All rows."""
        decoded = self.columns.finish(messages=messages, dead=(), dropped={})
        return Points(decoded=decoded, told=to_table(self._told, self._schema))
