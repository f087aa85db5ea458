"""Data points about GPUs and model servers, to rows: what one of them says of one moment is one row.

What metrics and labels mean is ``conventions/gpu_metrics.csv`` and ``gpu_labels.csv``. Gauges of one GPU, pod and
moment stand in one row; counters in another, with the interval that they count (``counted_since`` is ``started_ns``)
and whether they are ``cumulative``: they are stored as told, and whoever reads takes differences.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from processors.conventions.gpu import Reading, gpu_labels, gpu_metrics, label_columns, value_columns
from processors.conventions.table import AliasTable
from processors.decode import values
from processors.decode.points import NO_VALUE, TEMPORALITIES, Origin, PointReader
from processors.messages import Drop

TOLD = pa.schema(
    [
        pa.field("source", pa.string()),
        *(pa.field(f"_{name}", pa.string()) for name in label_columns()),
        pa.field("cumulative", pa.bool_()),
        *(pa.field(name, pa.float64()) for name in value_columns()),
    ]
)
"""Labels as told, under a name of their own; values in the units of their fields."""

_NAMED_BY = {"dcgm": ("gpu_uuid", "gpu_index"), "hw": ("gpu_uuid",), "vllm": ("model_server", "pod")}
"""One of these must be told, else nobody knows whose sample it is."""

_Key = tuple[str, tuple[str | None, ...], bool | None, int, int]
"""Source, labels, cumulative, start and end in nanoseconds: what one row is about."""


class GpuReader(PointReader):
    """Rows of ``TOLD``; those of a resource are made at its end, for its metrics come one after the other."""

    def __init__(self, table: AliasTable) -> None:
        super().__init__(table, TOLD)
        self._open: dict[_Key, tuple[Origin, int, dict[str, float]]] = {}

    def metric(self, metric: Metric, position: int, origin: Origin) -> bool:
        """As ``PointReader`` says; a metric of other hardware is none of ours."""
        readings = gpu_metrics().get(metric.name, ())
        data = getattr(metric, metric.WhichOneof("data") or "gauge")
        known = False
        for point in data.data_points if readings else ():
            attributes = _texts(point.attributes)
            reading = next((one for one in readings if one.tells(attributes)), None)
            if reading is None:
                continue
            known = True
            if not origin.may_tell_of_gpus:
                self.drop(origin, Drop.GPUS_NOT_ALLOWED)
            elif not point.flags & NO_VALUE and (value := self._worth(reading, data, point, origin)) is not None:
                self._tell(reading, (value, point, _cumulative(reading, data)), attributes, (origin, position))
        return known

    def end_resource(self) -> None:
        """Make rows of what its metrics have told."""
        for (source, labels, cumulative, *times), (origin, position, told) in self._open.items():
            fields = [told.get(name) for name in value_columns()]
            self.add(origin, position, (times[0], times[1]), dict(origin.found), (source, *labels, cumulative, *fields))
        self._open.clear()

    def _worth(self, reading: Reading, data: Any, point: Any, origin: Origin) -> float | None:
        """The value in the unit of its field; None where it is none, which is counted."""
        number = _number(point)
        if number is None or not point.time_unix_nano or not _is_told(reading, data):
            self.drop(origin, Drop.BAD_POINT)
            return None
        value = reading.value(number)
        if not 0 <= value <= reading.high:
            self.drop(origin, Drop.OUT_OF_RANGE)
            return None
        return value

    def _tell(
        self,
        reading: Reading,
        told: tuple[float, Any, bool | None],
        attributes: Mapping[str, str],
        place: tuple[Origin, int],
    ) -> None:
        """Put a value into the row of whom it is about."""
        value, point, cumulative = told
        labels = _labels(reading.source, attributes, _texts(place[0].attributes))
        if not any(labels[name] for name in _NAMED_BY[reading.source]):
            self.drop(place[0], Drop.BAD_POINT)
            return
        since = point.start_time_unix_nano if reading.counter else 0
        key = (reading.source, tuple(labels.values()), cumulative, since, point.time_unix_nano)
        self._open.setdefault(key, (*place, {}))[2].setdefault(reading.field, value)


def _is_told(reading: Reading, data: Any) -> bool:
    """Whether it is said what a value counts: since when a counter does; a gauge is no change."""
    if not hasattr(data, "aggregation_temporality"):
        return True
    told = TEMPORALITIES.get(data.aggregation_temporality)
    return told is not None if reading.counter else told is not False


def _cumulative(reading: Reading, data: Any) -> bool | None:
    """Whether a counter counts since its start, None of a gauge; a counter without a type counts since ever."""
    if not reading.counter:
        return None
    return TEMPORALITIES[data.aggregation_temporality] if hasattr(data, "aggregation_temporality") else True


def _number(point: Any) -> float | None:
    """The number of a point of a gauge or sum; None of other kinds, and where it is none."""
    kind = point.WhichOneof("value") if hasattr(point, "as_int") else None
    value = float(getattr(point, kind)) if kind else math.nan
    return value if math.isfinite(value) else None


def _labels(source: str, attributes: Mapping[str, str], resource: Mapping[str, str]) -> dict[str, str | None]:
    """By column of ``label_columns`` what is told of it."""
    places = {"point": attributes, "resource": resource}
    keys = gpu_labels()[source]
    return {
        column: next((text for place, key in keys.get(column, ()) if (text := places[place].get(key))), None)
        for column in label_columns()
    }


def _texts(attributes: Iterable[Any]) -> dict[str, str]:
    told = {attribute.key: values.to_text(values.plain(attribute.value)) for attribute in attributes}
    return {key: text.strip() for key, text in told.items() if text}
