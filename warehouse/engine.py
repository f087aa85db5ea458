"""What runs the SQL of questions and settlements: DuckDB here, or Apache Spark (``warehouse.spark``).

SQL is written once, in DuckDB's dialect. An engine is given tables of a snapshot by ``expose`` and tables at hand by
``register``, and answers with Arrow tables. A setting-less way to make one, an ``Opener``, is passed to whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import duckdb
import pyarrow as pa

from warehouse.instance import share
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import EVER, Window, expose
from warehouse.scope import Scope
from warehouse.settings import LakeSettings

Values = Mapping[str, object] | Sequence[object] | None
"""What is bound to ``$name``, or to ``$1``, ``$2`` …"""


class Answer(Protocol):
    """What a statement found."""

    def to_arrow_table(self) -> pa.Table:
        """All of it."""

    def fetchall(self) -> list[Any]:
        """All rows as tuples."""


class Connection(Protocol):
    """Runs statements of DuckDB's dialect, one after the other: DuckDB's own connections do, and engines."""

    def register(self, name: str, rows: pa.Table, /) -> object:
        """Make a table at hand visible."""

    def execute(self, query: str, parameters: Values = None, /) -> Answer:
        """Run statements; the answer is that of the last one."""

    def sql(self, query: str, /, *, params: Values = None) -> Answer:
        """Ask one query."""


class Engine(Connection, Protocol):
    """A connection for one piece of work: what it made is gone at its end."""

    def expose(
        self,
        snapshot: Snapshot,
        table: str,
        scope: Scope,
        window: Window = EVER,
        *,
        close: str = "",
        as_of: int | None = None,
        grain: str = "minute",
    ) -> None:
        """Make a table of the snapshot visible under its name (``warehouse.relations.expose``)."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""


Opener = Callable[[LakeSettings], Engine]
"""Opens an engine that keeps within the memory and threads that the settings give to one question."""


class DuckDB:
    """The engine in this process."""

    def __init__(self, settings: LakeSettings) -> None:
        self._shared = share(settings)
        self._connection = self._shared.__enter__()

    def expose(
        self,
        snapshot: Snapshot,
        table: str,
        scope: Scope,
        window: Window = EVER,
        *,
        close: str = "",
        as_of: int | None = None,
        grain: str = "minute",
    ) -> None:
        """As ``Engine`` says."""
        expose(self._connection, snapshot, table, scope, window, close=close, as_of=as_of, grain=grain)

    def register(self, name: str, rows: pa.Table) -> None:
        """As ``Engine`` says."""
        self._connection.register(name, rows)

    def execute(self, query: str, parameters: Values = None) -> duckdb.DuckDBPyConnection:
        """As ``Engine`` says."""
        return self._connection.execute(query, parameters)

    def sql(self, query: str, *, params: Values = None) -> duckdb.DuckDBPyRelation:
        """As ``Engine`` says."""
        return self._connection.sql(query, params=params)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shared.__exit__(kind, error, trace)
