"""What GPU exporters and model servers call their metrics and labels: ``gpu_metrics.csv`` and ``gpu_labels.csv``.

``gpu_metrics.csv``: a metric's name says its field, the unit on the wire and its ``scale`` to the unit of the field,
whether it is a gauge or a counter, and the most that it can be (``high``, in the unit of the field); nothing is ever
told from how large a value is. ``only``: ``key=value|other;key=value`` that must hold of the point's attributes, where
nothing after the last ``|`` or the ``=`` is an attribute that is not there.

``gpu_labels.csv``: which attribute of the point or of its resource says of which GPU or server it is; of a column's the
first that is told.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from processors.conventions.table import read_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a metric tells. ``only``: attribute -> values that it may have; "" = it is not there."""

    source: str  # dcgm, hw, vllm
    field: str
    counter: bool
    scale: Fraction
    high: float  # in the unit of the field
    only: Mapping[str, frozenset[str]]

    def value(self, number: float) -> float:
        """What the wire says in the unit of the field."""
        return number * self.scale.numerator / self.scale.denominator

    def tells(self, attributes: Mapping[str, str]) -> bool:
        """Whether a point with these attributes is meant."""
        return all(attributes.get(key, "") in values for key, values in self.only.items())


@functools.cache
def gpu_metrics() -> Mapping[str, tuple[Reading, ...]]:
    """Metric -> what it may tell."""
    found: dict[str, list[Reading]] = {}
    for row in read_rows("gpu_metrics.csv"):
        conditions = [part.split("=") for part in row["only"].split(";") if part]
        reading = Reading(
            source=row["source"],
            field=row["field"],
            counter=row["kind"] == "counter",
            scale=Fraction(row["scale"]),
            high=float(row["high"] or "inf"),
            only={key: frozenset(values.split("|")) for key, values in conditions},
        )
        found.setdefault(row["metric"], []).append(reading)
    return {metric: tuple(readings) for metric, readings in found.items()}


@functools.cache
def gpu_labels() -> Mapping[str, Mapping[str, tuple[tuple[str, str], ...]]]:
    """Source -> column -> (place, key) in order of precedence."""
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for row in read_rows("gpu_labels.csv"):
        found.setdefault(row["source"], {}).setdefault(row["column"], []).append((row["place"], row["key"]))
    return {source: {name: tuple(keys) for name, keys in columns.items()} for source, columns in found.items()}


@functools.cache
def label_columns() -> tuple[str, ...]:
    """All columns that labels fill, by name."""
    return tuple(sorted({row["column"] for row in read_rows("gpu_labels.csv")}))


@functools.cache
def value_columns() -> tuple[str, ...]:
    """All columns that values fill, by name."""
    return tuple(sorted({row["field"] for row in read_rows("gpu_metrics.csv")}))
