"""Snapshots: the data files of all tables at one moment, agreeing with each other (see ``warehouse.lake.cut``)."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from warehouse.errors import LakeDamaged
from warehouse.lake.cut import HORIZON_MS, hidden_commits
from warehouse.lake.handle import Handle
from warehouse.lake.identity import read_identity
from warehouse.lake.log import Commit, read_commit
from warehouse.lake.place import Place, one_line, unavailable
from warehouse.schemas import COMMIT_ORDER, TABLES, TIME

FILES = pa.schema(
    [
        pa.field("path", pa.string()),  # within the table
        pa.field("day", pa.date32()),
        pa.field("rows", pa.int64()),
        pa.field("earliest", TIME),  # of the table's time column; NULL = unknown
        pa.field("latest", TIME),  # NULL too where lines count in a later month than theirs
    ]
)


_FIRST = datetime.min.replace(tzinfo=UTC)
_CUT = timedelta(milliseconds=1)
"""Delta may cut statistics to milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Tables in the schema FILES by name; the data that ``versions`` hold less what is not yet in all tables.

    ``hidden``: by table the paths of that. ``widened``: tables whose files do not all have the same columns.
    """

    place: Place
    taken_at: datetime
    versions: Mapping[str, int]
    files: Mapping[str, pa.Table]
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    widened: frozenset[str] = frozenset()

    def within(self, table: str, start: datetime | None, end: datetime | None) -> pa.Table:
        """The files that can hold rows of ``[start, end)``; None = no bound."""
        files = self.files[table]
        if start is not None:
            bound = pa.scalar(start - min(_CUT, start - _FIRST), TIME)
            files = files.filter(pc.fill_null(pc.greater_equal(files["latest"], bound), True))
        if end is not None:
            files = files.filter(pc.fill_null(pc.less(files["earliest"], pa.scalar(end, TIME)), True))
        return files


class SnapshotTaker:
    """Takes snapshots of one lake; keeps handles and what it has read of the logs, so the next one costs little."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        with unavailable("open", place.url):
            self._logs = {name: place.filesystem(name) for name in COMMIT_ORDER}
        self._commits: dict[tuple[str, int], Commit | None] = {}
        self._files: dict[str, tuple[int, pa.Table]] = {}
        self.lake_id = str(read_identity(place).metadata().id)
        self._handles = {name: Handle(place, name, TABLES[name].schema) for name in COMMIT_ORDER}

    def take(self) -> Snapshot:
        """A snapshot as of now. Raises LakeUnavailable."""
        with self._lock, unavailable("read", self._place.url):
            self._refresh()
            commits = self._recent_commits()
            hidden = hidden_commits(commits, functools.cache(self._handles["flushes"].delta.transaction_version))
            return Snapshot(
                place=self._place,
                taken_at=datetime.now(UTC),
                versions={table: handle.version for table, handle in self._handles.items()},
                files={table: self._visible_files(table, hidden.get(table, [])) for table in TABLES},
                hidden={table: tuple(path for one in some for path in one.added) for table, some in hidden.items()},
                widened=frozenset(table for table, handle in self._handles.items() if handle.is_widened),
            )

    def versions(self) -> dict[str, int]:
        """The version of each table now: differs as soon as anything was committed. Raises LakeUnavailable."""
        with self._lock, unavailable("read", self._place.url):
            self._refresh()
            return {table: handle.version for table, handle in self._handles.items()}

    def _refresh(self) -> None:
        """Load what has been committed since; tables of a later version than the lake's maker are empty until made."""
        for table in reversed(COMMIT_ORDER):  # flushes first: what it has, the others have by then
            self._handles[table].refresh()
        for table in TABLES:  # settlements before the books: what it names, they have
            if table in COMMIT_ORDER:
                continue
            if table in self._handles:
                self._handles[table].refresh()
            elif self._place.has(table):
                self._handles[table] = Handle(self._place, table, TABLES[table].schema)

    def _recent_commits(self) -> dict[str, list[Commit]]:
        last = {table: self._commit(table, self._handles[table].version) for table in COMMIT_ORDER}
        newest = max((one.at_ms for one in last.values() if one), default=0)
        recent = {table: self._walk_back(table, newest - HORIZON_MS) for table in COMMIT_ORDER}
        self._commits = {(table, one.version): one for table, some in recent.items() for one in some}
        return recent

    def _walk_back(self, table: str, since_ms: int) -> list[Commit]:
        found: list[Commit] = []
        for version in range(self._handles[table].version, -1, -1):
            commit = self._commit(table, version)
            if commit is None or commit.at_ms < since_ms:
                break
            found.append(commit)
        return found

    def _commit(self, table: str, version: int) -> Commit | None:
        if (table, version) not in self._commits:
            try:
                self._commits[table, version] = read_commit(self._logs[table], version)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                log = f"{self._place.table_url(table)}/_delta_log/{version:020d}.json"
                raise LakeDamaged(
                    f"{log} is damaged ({one_line(error)}); put it back from a copy of the lake"
                ) from error
        return self._commits[table, version]

    def _visible_files(self, table: str, hidden: list[Commit]) -> pa.Table:
        """A hidden file that has been compacted meanwhile cannot be told apart any more and is seen."""
        if table not in self._handles:
            return pa.Table.from_batches([], schema=FILES)
        version = self._handles[table].version
        if self._files.get(table, (-1, None))[0] != version:
            self._files[table] = (version, _list_files(self._handles[table].delta, TABLES[table].time))
        files = self._files[table][1]
        if not hidden:
            return files
        paths = pa.array(sorted(path for one in hidden for path in one.added), pa.string())
        return files.filter(pc.invert(pc.is_in(files["path"], value_set=paths)))


def _list_files(handle: DeltaTable, time: str) -> pa.Table:
    actions = pa.RecordBatchReader.from_stream(handle.get_add_actions(flatten=True)).read_all()
    if not actions.num_rows:
        return pa.Table.from_batches([], schema=FILES)
    names = ("path", "partition.day", "num_records", f"min.{time}", f"max.{time}")
    columns = [actions[name] if name in actions.column_names else pa.nulls(actions.num_rows) for name in names]
    if "max.period" in actions.column_names:  # lines that are booked in a later month count there, who knows when
        columns[-1] = pc.if_else(pc.greater(actions["max.period"], actions["partition.day"]), None, columns[-1])
    return pa.table([column.cast(field.type) for column, field in zip(columns, FILES, strict=True)], schema=FILES)
