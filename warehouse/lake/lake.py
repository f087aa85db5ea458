"""The lake as a worker sees it: an offset store and a ledger in one.

Commit protocol (design, section 4; the numbers stand beside the code):

0. The lake is the offset store: ``next_offsets`` says per stream and table what is expected next.
1. The worker makes the rows of ``[first, next)`` of each stream: a ``Flush``.
2. Each table is loaded ONCE; ranges that it has already are dropped. A table that has only a part of a range refuses it
   (``PartlyCommitted``) before anything is written anywhere; so does one that has more than the range, unless
   ``flushes`` has it too: another worker is writing a longer range, which says itself what is told twice in it.
3. Each table is appended to in ONE Delta commit on that same loaded handle, with the app-transaction
   ``(app_id, next)`` of every range that is not dropped, also of those without rows in this table. Where somebody else
   has committed one of them in between, the commit is refused: reload, and go to 2. Tables go in ``COMMIT_ORDER``:
   a stream's rows in ``flushes`` prove that all other tables have theirs.
4. and 5. (commit notice, Kafka acknowledgement) are the worker's, after ``commit`` has returned.

A process that dies between any two steps leaves tables that disagree about a stream. The next one takes exactly the
range up to the furthest of them, and the tables that have it drop it in step 2: every row stands once in every table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import pyarrow as pa

from warehouse.errors import LakeMismatch, LakeUnavailable
from warehouse.lake.flush import Flush, PartlyCommitted, Range
from warehouse.lake.handle import ATTEMPTS, create_table
from warehouse.lake.identity import claim, create_identity, read_identity
from warehouse.lake.parquet import conform
from warehouse.lake.place import Place
from warehouse.lake.table import AppendTable
from warehouse.schemas import COMMIT_ORDER, TABLES
from warehouse.settings import LakeSettings

Step = Callable[[str], None]
"""Told each step of a commit when it is done: ``loaded``, then by table ``<table> written``, ``<table> committed``."""

LOST = f"{{table}} of {{url}}: {ATTEMPTS} commits in a row lost against other writers; try again"


class Lake:
    """All tables of a lake, open for appending."""

    def __init__(self, place: Place, checkpoint_commits: int) -> None:
        self.url = place.url
        self.id = str(read_identity(place).metadata().id)
        self._place = place
        self._tables = {name: AppendTable(place, name, checkpoint_commits) for name in TABLES}
        self._checkpoint_commits = checkpoint_commits

    @classmethod
    def open(cls, settings: LakeSettings, *, create: bool = True) -> Lake:
        """Open the lake, with ``create`` after making what is not there yet.

        Raises LakeMissing (without ``create``), LakeMismatch (another format, or columns of another type),
        LakeUnavailable.
        """
        place = Place.of(settings)
        if create:
            create_identity(place)
            configuration = {
                "delta.checkpointInterval": str(settings.checkpoint_commits),
                "delta.logRetentionDuration": f"interval {settings.log_hours} hours",
                "delta.deletedFileRetentionDuration": f"interval {settings.vacuum_hours} hours",
            }
            for name, spec in TABLES.items():
                create_table(place, name, spec.schema, configuration=configuration)
        return cls(place, settings.checkpoint_commits)

    @cached_property
    def _proof(self) -> AppendTable:
        """The table that is written last, to be looked at only."""
        return AppendTable(self._place, COMMIT_ORDER[-1], self._checkpoint_commits)

    def claim_user_key(self, fingerprint: str) -> None:
        """State the key that user ids are hashed with; LakeMismatch if the lake was filled with another one."""
        standing = claim(self._place, "user_key", fingerprint)
        if standing != fingerprint:
            raise LakeMismatch(
                f"the lake {self.url} hashes users with another key (fingerprint {standing}, ours is {fingerprint}); "
                "set SPANLEDGER_WORKER_USER_KEY to the key it was made with"
            )

    def next_offsets(self, app_ids: Iterable[str]) -> dict[str, dict[str, int | None]]:
        """By stream and table the offset expected next; None = nothing of this stream yet."""
        for table in COMMIT_ORDER:
            self._tables[table].refresh()
        return {app_id: {t: self._tables[t].transaction_version(app_id) for t in COMMIT_ORDER} for app_id in app_ids}

    def commit(self, flush: Flush, on_step: Step | None = None) -> dict[str, int]:
        """Steps 2 and 3 for every table; gives the version of each table that was written.

        Raises PartlyCommitted and LakeUnavailable; after either, the same flush or a part of it may be tried again.
        Raises ValueError where rows do not have the columns of their table, before anything is written.
        """
        step = on_step or (lambda _: None)
        missing = {table: self._load(table, flush) for table in COMMIT_ORDER}  # 2, before anything is written
        rows = {table: conform(table, flush.rows(table, missing[table])) for table in COMMIT_ORDER}
        step("loaded")
        return {
            table: self._append(table, flush, missing[table], rows[table], step)
            for table in COMMIT_ORDER
            if missing[table]
        }

    def _load(self, table: str, flush: Flush) -> tuple[Range, ...]:
        """Step 2: load the table once; the ranges it lacks."""
        self._tables[table].refresh()
        return tuple(span for span in flush.ranges if not self._has(table, span))

    def _has(self, table: str, span: Range) -> bool:
        """Whether a loaded table has the range; PartlyCommitted if a part of it, or a longer one that others lack."""
        standing = self._tables[table].transaction_version(span.app_id)
        if not span.is_in(table, standing):
            return False
        if standing != span.next and not self._is_in_all(span):
            raise PartlyCommitted(
                f"{table} has {span.app_id} up to {standing}, beyond [{span.first}, {span.next}), which not all tables "
                f"have: take exactly [{span.first}, {standing}) first"
            )
        return True

    def _is_in_all(self, span: Range) -> bool:
        """Whether the table that is written last has the range; the handle that it is appended to stays as loaded."""
        self._proof.refresh()
        return (self._proof.transaction_version(span.app_id) or 0) >= span.next

    def _append(self, table: str, flush: Flush, missing: tuple[Range, ...], rows: pa.Table, step: Step) -> int:
        """Step 3: append what is missing on the loaded handle; refused = reload, go to 2."""
        target = self._tables[table]
        with target.lock:
            for _ in range(ATTEMPTS):
                transactions = [(span.app_id, span.next) for span in missing]
                if not missing or target.append(rows, transactions, lambda: step(f"{table} written")):  # 3
                    step(f"{table} committed")
                    return target.catch_up()
                missing = self._load(table, flush)  # back to 2
                rows = conform(table, flush.rows(table, missing))
        raise LakeUnavailable(LOST.format(table=table, url=self.url))

    def append_once(self, table: str, rows: pa.Table, app_id: str, version: int) -> bool:
        """Append rows under an app-transaction of their own; False if it, or a later one, stands already."""
        target = self._tables[table]
        conformed = conform(table, [rows])
        with target.lock:
            for _ in range(ATTEMPTS):
                standing = self.last_version(table, app_id)
                if standing is not None and standing >= version:
                    return False
                if target.append(conformed, [(app_id, version)]):
                    target.catch_up()
                    return True
        raise LakeUnavailable(LOST.format(table=table, url=self.url))

    def last_version(self, table: str, app_id: str) -> int | None:
        """The last app-transaction of ``app_id`` in one table; None = there is none."""
        target = self._tables[table]
        with target.lock:
            target.refresh()
            return target.transaction_version(app_id)

    def versions(self) -> Mapping[str, int]:
        """Version of each table as of its last refresh."""
        return {name: table.version() for name, table in self._tables.items()}
