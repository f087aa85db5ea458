"""Upkeep of a lake beside its writers: merge small files, let old days go, delete what nobody needs, shorten the log.

Any number of processes may do it; a commit is the only thing they share:

1. Load the table; plan (``warehouse.lake.compaction``). The newest files are left alone.
2. Write the merged file. No commit names it: whoever dies here leaves an orphan for vacuum.
3. Load the table anew. Where one of the sources is no longer in it, somebody else was first: take the new file away.
4. Commit removes and the add, without change of data, as exactly the next version. Where that version is taken
   (a writer was quicker), go to 3. So nothing is ever doubled, no writer ever waits, and the offsets of streams, which
   stand in commits of their own, are not touched. (deltalake alone would let two merges of the same files pass: it
   takes them for appends.)
5. A removed file stays on disk for ``vacuum_hours``: whoever reads an older snapshot reads on. That must be longer than
   the longest question, and than anybody keeps a file of ``spanledger lake attach``.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
from deltalake import CommitProperties
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from warehouse.lake.compaction import Merge, RowsMissing, Stored, plan, rewrite, stored_files
from warehouse.lake.cut import HORIZON_MS
from warehouse.lake.handle import ATTEMPTS, Handle
from warehouse.lake.log import read_commit
from warehouse.lake.parquet import discard
from warehouse.lake.place import Place, one_line, unavailable
from warehouse.lake.rollup import ROLLED, tidy
from warehouse.lake.rollup import discard as discard_sums
from warehouse.lake.table import NO_HOOKS
from warehouse.schemas import COMMIT_ORDER, TABLES
from warehouse.settings import LakeSettings

log = logging.getLogger(__name__)

SETTLED = timedelta(milliseconds=HORIZON_MS, minutes=1)
"""A commit so much older than the newest one is hidden from nobody: its files may be merged."""
TIDY_EVERY = timedelta(hours=1)
KEPT_FOR_EVER = frozenset({"incidents", "settlements", "ledger", "focus"})
"""Retention lets these be: what was told stands in all events of an incident, what was spent in all lines, what was
handed out in all rows."""
NEXT_VERSION = CommitProperties(max_commit_retries=0)


@dataclass(slots=True, kw_only=True)
class Kept:
    """What one pass has done: files merged and the files they became, days let go, files deleted from disk."""

    merged: int = 0
    written: int = 0
    expired: int = 0
    deleted: int = 0


@dataclass(slots=True)
class Upkeep:
    """Looks after one lake; one thread at a time. ``stop`` is asked between files, ``on_step`` told what is done."""

    settings: LakeSettings
    stop: Callable[[], bool] = lambda: False
    on_step: Callable[[str], None] = lambda _: None
    _handles: dict[str, Handle] = field(default_factory=dict)
    _tidied_at: datetime | None = None

    def step(self, now: datetime) -> Kept:
        """One pass over all tables. Raises LakeMissing, LakeUnavailable; what was done by then stands."""
        kept = Kept()
        place = Place.of(self.settings)
        with unavailable("look after", place.url):
            keepers = [TableKeeper(place, name, self._handle(place, name), self.on_step) for name in TABLES]
            settled_at = _newest_commit(keepers) - SETTLED
            for keeper in keepers:
                for merge in keeper.plan(now, settled_at):
                    if self.stop():
                        return kept
                    if keeper.merge(merge):
                        kept.merged, kept.written = kept.merged + len(merge.files), kept.written + 1
            if self._tidied_at is None or now - self._tidied_at >= TIDY_EVERY:
                self._tidy(keepers, now, kept)
                self._tidied_at = now
        if kept != Kept():
            log.info(
                "lake kept merged=%d into=%d expired=%d deleted=%d",
                kept.merged,
                kept.written,
                kept.expired,
                kept.deleted,
            )
        return kept

    def _handle(self, place: Place, name: str) -> Handle:
        if name not in self._handles:
            self._handles[name] = Handle(place, name, TABLES[name].schema)
        self._handles[name].refresh()
        return self._handles[name]

    def _tidy(self, keepers: Iterable[TableKeeper], now: datetime, kept: Kept) -> None:
        for keeper in keepers:
            if self.stop():
                return
            if self.settings.retention_days and keeper.name not in KEPT_FOR_EVER:
                kept.expired += keeper.expire(now, timedelta(days=self.settings.retention_days))
            kept.deleted += keeper.vacuum(self.settings.vacuum_hours)


class TableKeeper:
    """Upkeep of one table, as of the last refresh of its handle."""

    def __init__(self, place: Place, name: str, handle: Handle, on_step: Callable[[str], None]) -> None:
        self.name = name
        self._handle = handle
        self._files = place.filesystem(name)
        self._schema = DeltaSchema.from_arrow(TABLES[name].schema)
        self._is_local = place.directory is not None
        self._on_step = on_step

    def committed_at(self) -> datetime | None:
        """When the last commit was made, by its writer's clock."""
        commit = read_commit(self._files, self._handle.version)
        return datetime.fromtimestamp(commit.at_ms / 1000, UTC) if commit else None

    def plan(self, now: datetime, settled_at: datetime) -> list[Merge]:
        """Step 1. A table with columns that we do not know is left to the version that does."""
        if len(self._handle.delta.schema().fields) != len(TABLES[self.name].schema):
            return []
        return plan(self.name, self._stored(), now=now, settled_at=settled_at)

    def merge(self, merge: Merge) -> bool:
        """Steps 2 to 4; False: nothing has changed, somebody else was first or a file cannot be read or written."""
        try:
            added = rewrite(self.name, merge, self._files, datetime.now(UTC))
        except (OSError, pa.ArrowException, duckdb.Error, RowsMissing) as error:
            log.warning("cannot merge files of %s, day %s: %s", self.name, merge.day, one_line(error))
            return False
        self._on_step(f"{self.name} rewritten")
        try:
            is_merged = self._swap(merge.files, [added], data_change=False)
        except (DeltaError, OSError):
            self._discard_if_refused(added)
            raise
        if not is_merged:
            self._discard(added)
            return False
        self._on_step(f"{self.name} merged")
        return True

    def _discard_if_refused(self, added: AddAction) -> None:
        """After a failed commit: take the file away if the log says that it did not land, else leave it to vacuum."""
        if not self._is_local:
            return
        with contextlib.suppress(DeltaError, OSError):
            self._handle.refresh()
            if added.path not in {file.path for file in self._stored()}:
                self._discard(added)

    def _discard(self, added: AddAction) -> None:
        discard([added], self._files)
        discard_sums(added.path, self._files)

    def expire(self, now: datetime, keep: timedelta) -> int:
        """Take days out of the table that ended longer than ``keep`` ago; their files go with vacuum."""
        last = (now - keep).date()
        old = [file for file in self._stored() if file.day < last]
        return len(old) if old and self._swap(old, [], data_change=True) else 0

    def vacuum(self, hours: int) -> int:
        """Step 5: delete what was removed, or written and never committed, more than ``hours`` ago; and the old log."""
        deleted = self._handle.delta.vacuum(
            retention_hours=hours,
            dry_run=True,
            enforce_retention_duration=False,
            full=True,
        )
        self._on_step(f"{self.name} listed")
        if deleted:
            self._handle.delta.vacuum(
                retention_hours=hours,
                dry_run=False,
                enforce_retention_duration=False,
                full=True,
                post_commithook_properties=NO_HOOKS,
            )
            self._handle.refresh()
        if self.name in ROLLED:
            tidy(self._files, datetime.now(UTC) - timedelta(hours=hours))
        self._on_step(f"{self.name} vacuumed")
        self._handle.delta.cleanup_metadata()
        return len(deleted)

    def _swap(self, sources: Sequence[Stored], added: Sequence[AddAction], *, data_change: bool) -> bool:
        """Steps 3 and 4."""
        at_ms = int(datetime.now(UTC).timestamp() * 1000)
        removed = [
            RemoveAction(
                one.path,
                data_change,
                at_ms,
                size=one.size,
                partition_values={TABLES[self.name].partition_by: f"{one.day}"},
            )
            for one in sources
        ]
        paths = {one.path for one in sources}
        for _ in range(ATTEMPTS):
            self._handle.refresh()
            standing = {file.path for file in self._stored()}
            if added and {file.path for file in added} <= standing:
                return True  # the commit before had landed, and its answer was lost
            if not paths <= standing:
                return False
            try:
                self._handle.delta.create_write_transaction(
                    [*removed, *added],
                    "append",
                    self._schema,
                    [TABLES[self.name].partition_by],
                    commit_properties=NEXT_VERSION,
                    post_commithook_properties=NO_HOOKS,
                )
            except CommitFailedError:
                continue
            self._handle.refresh()
            return True
        return False  # writers were quicker each time: the next pass tries again

    def _stored(self) -> list[Stored]:
        return stored_files(self._handle.delta, TABLES[self.name].time)


def _newest_commit(keepers: Iterable[TableKeeper]) -> datetime:
    """When the last commit of a flush's tables was made; nothing is settled where nobody says."""
    times = [keeper.committed_at() for keeper in keepers if keeper.name in COMMIT_ORDER]
    return max((time for time in times if time is not None), default=datetime.min.replace(tzinfo=UTC) + SETTLED)
