"""One table of the lake, appended to once per app-transaction."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pyarrow as pa
from deltalake import CommitProperties, PostCommitHookProperties, Transaction
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from warehouse.lake.handle import Handle
from warehouse.lake.log import read_summary, read_transactions
from warehouse.lake.parquet import discard, write_days
from warehouse.lake.place import Place, unavailable
from warehouse.schemas import TABLES

log = logging.getLogger(__name__)

NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
"""A hook that fails raises after the commit has landed; ``AppendTable`` writes checkpoints where that is known."""

MOST_READ = 64
"""Commits of others that are read for their app-transactions; of more, deltalake is asked again."""

ACTIONS_A_COMMIT = 500
"""A summary tells every file, also those removed that vacuum has not deleted yet: a week of small flushes are 300,000,
and 1 s of CPU. One for each so many of them passed in commits costs a commit 2 ms, and who opens the table 30 ms."""


class AppendTable:
    """A table of ``warehouse.schemas`` that is only appended to; one handle, used by one thread at a time."""

    def __init__(self, place: Place, name: str, checkpoint_commits: int) -> None:
        self.name = name
        self.where = place.table_url(name)
        self.lock = threading.RLock()
        self._is_local = place.directory is not None
        self._files = place.filesystem(name)
        self._checkpoint_commits = checkpoint_commits
        self._handle = Handle(place, name, TABLES[name].schema, add_columns=True)
        self._transactions: dict[str, int | None] = {}
        self._learnt = self._handle.version
        self._schema = DeltaSchema.from_arrow(TABLES[name].schema)

    def refresh(self) -> None:
        """Load what others have committed since."""
        with self.lock, unavailable("read", self.where):
            self._handle.refresh()

    def transaction_version(self, app_id: str) -> int | None:
        """The last app-transaction of ``app_id`` as of the last refresh.

        deltalake goes through all commits since its checkpoint for each answer: a worker of 12 partitions would do so
        for half a second of CPU in each flush. So it is asked once, and what commits say since then is read from them.
        """
        with self.lock, unavailable("read", self.where):
            self._learn()
            if app_id not in self._transactions:
                self._transactions[app_id] = self._handle.delta.transaction_version(app_id)
            return self._transactions[app_id]

    def _learn(self) -> None:
        """Bring what is known to the version of the handle, wherever that was refreshed."""
        before, self._learnt = self._learnt, self._handle.version
        for version in range(before + 1, self._learnt + 1) if self._transactions else ():
            said = read_transactions(self._files, version) if self._learnt - before <= MOST_READ else None
            if said is None:
                self._transactions.clear()
                return
            self._transactions.update(said)

    def version(self) -> int:
        """The table's version as of the last refresh."""
        return self._handle.version

    def append(
        self,
        rows: pa.Table,
        transactions: Sequence[tuple[str, int]],
        on_written: Callable[[], None] = lambda: None,
    ) -> bool:
        """Write ``rows`` (as ``conform`` gives them) and commit them with ``transactions`` on the loaded handle.

        False: somebody else committed one of the transactions since the last refresh; nothing is visible. Raises
        LakeUnavailable; the commit may then have landed nevertheless, which the next refresh shows.
        """
        with self.lock, unavailable("write", self.where):
            added = write_days(self.name, rows, self._files, datetime.now(UTC))
            on_written()
            try:
                self._handle.delta.create_write_transaction(
                    list(added),
                    "append",
                    self._schema,
                    ["day"],
                    commit_properties=CommitProperties(app_transactions=[Transaction(*pair) for pair in transactions]),
                    post_commithook_properties=NO_HOOKS,
                )
            except CommitFailedError:
                if self._is_local:  # a store may take a commit, lose its answer and call the second try a conflict
                    discard(added, self._files)
                return False
            except (DeltaError, OSError):
                self._discard_if_refused(added, transactions)
                raise
            return True

    def _discard_if_refused(self, added: Sequence[AddAction], transactions: Sequence[tuple[str, int]]) -> None:
        """After a failed commit on a file system: take the files away if the log says that it did not land.

        An object store may still carry out a write that timed out here, so there the files stay for vacuum.
        """
        if not self._is_local:
            return
        with contextlib.suppress(DeltaError, OSError):
            self._handle.refresh()
            if all(self._handle.delta.transaction_version(app_id) != version for app_id, version in transactions):
                discard(added, self._files)

    def catch_up(self) -> int:
        """After a commit: load it, sum up the log if so many commits have passed, and give the table's version.

        A summary that fails costs readers time and no data, so it is logged only.
        """
        with self.lock:
            before = self.version()
            self.refresh()
            if self.version() // self._checkpoint_commits > before // self._checkpoint_commits:
                self._checkpoint()
            return self.version()

    def _checkpoint(self) -> None:
        try:
            version, actions = read_summary(self._files)
            if self.version() - version < actions // ACTIONS_A_COMMIT:
                return
            self._handle.delta.create_checkpoint()
            self._handle.reopen()
        except (DeltaError, OSError) as error:
            log.warning("no checkpoint", extra={"table": self.name, "version": self.version(), "error": str(error)})
