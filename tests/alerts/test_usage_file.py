"""What a backtest reads: odd files are taken, or refused with what to change."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alerts.errors import BadUsage
from alerts.signals.causes import Amounts, scope_around
from alerts.signals.leaves import Leaf
from alerts.usage_file import COLUMNS, read_usage

ROW = {
    **dict.fromkeys(COLUMNS, "x"),
    "minute": datetime(2026, 10, 1, tzinfo=UTC),
    **dict.fromkeys(("calls", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd"), 1.0),
}


def read(tmp_path: Path, name: str, column: pa.Array) -> pa.Table:
    table = pa.Table.from_pylist([ROW])
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, column), tmp_path / "u.parquet")
    return read_usage(tmp_path / "u.parquet")


def test_wide_decimals_and_columns_of_nulls_are_numbers(tmp_path: Path) -> None:
    wide = pa.array([Decimal("0.25")], pa.decimal256(50, 12))

    assert read(tmp_path, "cost_usd", wide)["cost_usd"].to_pylist() == [0.25]
    assert read(tmp_path, "cached_input_tokens", pa.nulls(1))["cached_input_tokens"].to_pylist() == [None]


def test_minutes_of_no_calendar_and_credits_are_refused_with_how_many(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="1 minutes before 1970 or after 2200"):
        read(tmp_path, "minute", pa.array([2**62], pa.timestamp("us", "UTC")))
    with pytest.raises(BadUsage, match="below 0 or no finite numbers, in 1 of 1 rows"):
        read(tmp_path, "cost_usd", pa.array([-1.0]))


def test_of_usage_without_a_tenant_the_scope_names_the_model() -> None:
    leaf = Leaf(**{**dict.fromkeys(Leaf._fields, "x"), "tenant": None, "model": "gpt"})
    keys = [leaf, leaf._replace(model="opus"), leaf._replace(feature="y", model="nano")]
    amounts = Amounts(keys=keys, observed=np.full(len(keys), 9.0), expected=np.ones(len(keys)))

    assert scope_around(keys[0], amounts)["model"] == "gpt"
