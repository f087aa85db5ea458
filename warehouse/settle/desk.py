"""Where the steps of a settlement lay out their tables: what a step made is gone at its end.

``Desk`` is one DuckDB for all steps: a table of few rows is read once and kept; of others each statement reads the
columns and files that it needs. ``EngineDesk`` opens another engine for each step.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Protocol

import pyarrow.compute as pc

from warehouse.engine import Connection, DuckDB, Engine, Opener
from warehouse.instance import connect
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import EVER, Window, expose
from warehouse.schemas import TABLES
from warehouse.scope import ALL
from warehouse.settings import LakeSettings, SettleSettings
from warehouse.settle.statements import add_macros

FEW = 20_000
"""Rows of a table that is kept."""

WINDOWED = ("ended_at", "sampled_at", "minute")
"""Times of the tables that are laid out in parts; of the books all is."""

_AS_SETTLED = """
SET preserve_insertion_order = false;
SET disabled_optimizers = 'projection_placement';  -- takes longer to plan some statements than to run them
"""

_MADE = """
SELECT 'TABLE', database_name, table_name FROM duckdb_tables() WHERE temporary
UNION ALL
SELECT 'VIEW', database_name, view_name FROM duckdb_views() WHERE NOT internal
"""


class Layout(Protocol):
    """A desk."""

    def lay(
        self, snapshot: Snapshot, *tables: str, window: Window = EVER
    ) -> contextlib.AbstractContextManager[Connection]:
        """A connection with the words of the rules and these tables, of spans and samples those of ``window``.

        There may be rows of other times among them. One may be laid within another, and has what that one made.
        """

    def close(self) -> None:
        """Give everything back."""


def open_desk(engine: Opener, place: LakeSettings, how: SettleSettings, close_id: str) -> Layout:
    """The desk of an engine; ``close_id``: of the settlement whose rows count here already."""
    return Desk(place, how, close_id) if engine is DuckDB else EngineDesk(engine, place, how, close_id)


class EngineDesk:
    """On any engine, each step on one of its own; what is laid within a step is laid on that one."""

    def __init__(self, engine: Opener, place: LakeSettings, how: SettleSettings, close_id: str) -> None:
        self._open = engine
        self._place = dataclasses.replace(place, query_memory_mib=how.memory_mib)
        self._task_of = how.task_of
        self._close_id = close_id
        self._engine: Engine | None = None

    def close(self) -> None:
        """Nothing is kept."""

    @contextlib.contextmanager
    def lay(self, snapshot: Snapshot, *tables: str, window: Window = EVER) -> Iterator[Connection]:
        """As ``Layout`` says."""
        if self._engine is not None:
            self._expose(self._engine, snapshot, tables, window)
            yield self._engine
            return
        with self._open(self._place) as engine:
            add_macros(engine, self._task_of)
            self._expose(engine, snapshot, tables, window)
            self._engine = engine
            try:
                yield engine
            finally:
                self._engine = None

    def _expose(self, engine: Engine, snapshot: Snapshot, tables: tuple[str, ...], window: Window) -> None:
        for table in tables:
            within = window if TABLES[table].time in WINDOWED else EVER
            engine.expose(snapshot, table, ALL, within, close=self._close_id)


class Desk:
    """``close_id``: of the settlement whose rows count here already."""

    def __init__(self, place: LakeSettings, how: SettleSettings, close_id: str) -> None:
        self._close_id = close_id
        self._connection = connect(dataclasses.replace(place, query_memory_mib=how.memory_mib))
        self._connection.execute(_AS_SETTLED)
        add_macros(self._connection, how.task_of)
        self._kept: dict[str, list[str]] = {}
        self._laid = 0

    def close(self) -> None:
        """Give everything back."""
        self._connection.close()

    @contextlib.contextmanager
    def lay(self, snapshot: Snapshot, *tables: str, window: Window = EVER) -> Iterator[Connection]:
        """A connection with the words of the rules and these tables, of spans and samples those of ``window``.

        There may be rows of other times among them. One may be laid within another, and has what that one made.
        """
        before = self._made() if self._laid else set()
        self._laid += 1
        try:
            for table in tables:
                self._lay(snapshot, table, window if TABLES[table].time in WINDOWED else EVER)
            yield self._connection
        finally:
            self._laid -= 1
            for kind, database, name in self._made() - before:
                if kind == "VIEW" or name not in self._kept:
                    self._connection.execute(f"DROP {kind} {database}.main.{name}")

    def _lay(self, snapshot: Snapshot, table: str, window: Window) -> None:
        files = snapshot.files[table]
        paths = files["path"].to_pylist()
        rows = pc.sum(files["rows"]).as_py() if not files["rows"].null_count else None
        if self._kept.get(table) == paths:
            return
        if table in self._kept:
            del self._kept[table]
            self._connection.execute(f"DROP TABLE temp.{table}")
        is_small = paths and rows is not None and rows <= FEW
        self._connection.execute(f"DROP VIEW IF EXISTS memory.main.{table}")
        expose(self._connection, snapshot, table, ALL, EVER if is_small else window, close=self._close_id)
        if is_small:
            self._connection.execute(f"CREATE TEMP TABLE {table} AS FROM memory.main.{table}")
            self._connection.execute(f"DROP VIEW memory.main.{table}")
            self._kept[table] = paths

    def _made(self) -> set[tuple[str, str, str]]:
        return set(self._connection.sql(_MADE).fetchall())
