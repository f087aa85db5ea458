"""Lakes that an earlier version wrote, whose tables lack columns of today."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tests.warehouse.samples import flush_of, stretch
from warehouse.lake import Lake, compaction, layout, parquet
from warehouse.lake.place import Place
from warehouse.schemas import TABLES
from warehouse.settings import LakeSettings

ADDED = {"usage": "model", "incidents": "budget", "ledger": "tags", "spans": "source_app_id"}
"""What the earlier version lacked: in the middle of its columns, at their end, a nested one, one that a lake writes."""


def write_earlier(settings: LakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two flushes of one call each; in a directory a copy of what was written once in each process."""
    directory = Place.of(settings).directory
    if directory is None:
        _write(settings, monkeypatch)
        return
    if not _WRITTEN:
        _WRITTEN.append(Path(tempfile.mkdtemp(prefix="earlier-lake-")))
        atexit.register(shutil.rmtree, _WRITTEN[0], ignore_errors=True)
        _write(LakeSettings(url=str(_WRITTEN[0] / "lake")), monkeypatch)
    shutil.copytree(_WRITTEN[0] / "lake", directory)


_WRITTEN: list[Path] = []


def _write(settings: LakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
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
