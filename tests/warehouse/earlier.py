"""Lakes that an earlier version wrote, whose tables lack columns of today."""

from __future__ import annotations

import functools
from dataclasses import replace

import pyarrow as pa
import pytest

from tests.warehouse.samples import flush_of, stretch
from warehouse.lake import Lake, compaction, layout, parquet
from warehouse.schemas import TABLES
from warehouse.settings import LakeSettings

ADDED = {"usage": "model", "incidents": "budget", "ledger": "tags"}
"""What the earlier version did not have: in the middle of its columns, at their end, and a nested one."""


def write_earlier(settings: LakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two flushes of one call each."""
    with monkeypatch.context() as patched:
        for table, column in ADDED.items():
            schema = TABLES[table].schema
            less = pa.schema([field for field in schema if field.name != column])
            patched.setitem(TABLES, table, replace(TABLES[table], schema=less))
        forget()
        lake = Lake.open(settings)
        for offset in range(2):
            lake.commit(flush_of(stretch(offset, offset + 1)))
    forget()


def forget() -> None:
    """Let go of what was remembered of the tables' columns."""
    for module in (layout, parquet, compaction):
        for one in vars(module).values():
            if isinstance(one, functools._lru_cache_wrapper):
                one.cache_clear()
