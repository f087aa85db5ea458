"""One Spark for the tests of a process: small, quick to start, as the settings would have it."""

from __future__ import annotations

import functools
import math
from typing import Any

import pyarrow as pa

from spanledger.engines import opener_of
from spanledger.settings import load
from warehouse.engine import Opener

OPTIONS = {
    "spark.master": "local[1]",
    "spark.default.parallelism": "1",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.databricks.delta.snapshotPartitions": "1",
    # Of a few rows nothing is worth compiling.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m",
}


@functools.cache
def spark() -> Opener:
    """What opens an engine on Spark; a machine without Java fails here."""
    flags = {"lake.engine": "spark", "lake.spark_memory_mib": 768, "lake.spark_options": OPTIONS}
    return opener_of(load(file=None, flags=flags))


def assert_alike(one: pa.Table, other: pa.Table) -> None:
    """The same columns and rows; sums of floats may differ in their last digits, and equals may change places."""
    assert one.schema == other.schema
    pairs = zip(_sorted(one), _sorted(other), strict=True)
    assert [row for row, like in pairs if not _is_like(row, like)] == []


def _sorted(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=lambda row: repr([_plain(value) for value in row.values()]))


def _plain(value: object) -> object:
    return f"{value:.6e}" if isinstance(value, float) else value


def _is_like(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_like(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_like, one, other))
    return bool(one == other)
