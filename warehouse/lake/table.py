"""One Delta table: created once whoever comes first, appended to once per app-transaction."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction

from warehouse.errors import LakeMismatch, LakeMissing
from warehouse.lake.parquet import discard, write_days
from warehouse.lake.place import Place, unavailable
from warehouse.schemas import TABLES

log = logging.getLogger(__name__)

CREATE_ONCE = CommitProperties(max_commit_retries=0)
"""With retries the loser of a race would commit its own metadata as version 1 and so give the table another id."""

NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
"""A hook that fails raises after the commit has landed; ``AppendTable`` writes checkpoints where that is known."""

ATTEMPTS = 20
"""How often a commit that lost a race is tried anew; every attempt means that somebody else got on."""


def open_table(place: Place, name: str, schema: pa.Schema) -> DeltaTable:
    """The Delta table ``name``; LakeMissing if there is none."""
    with unavailable("open", place.table_url(name)):
        try:
            table = DeltaTable(place.table_url(name), storage_options=dict(place.options))
        except TableNotFoundError as error:
            raise LakeMissing(
                f"there is no lake at {place.url} (no table {name}); start `spanledger worker`, or set SPANLEDGER_LAKE"
            ) from error
    _check_columns(table, name, schema)
    return table


def create_table(
    place: Place, name: str, schema: pa.Schema, *, configuration: Mapping[str, str], description: str | None = None
) -> None:
    """Create the table unless it is there; of several processes exactly one creates it."""
    with unavailable("create", place.table_url(name)):
        if DeltaTable.is_deltatable(place.table_url(name), dict(place.options)):
            return
        try:
            DeltaTable.create(
                place.table_url(name),
                schema,
                mode="error",
                partition_by=["day"] if "day" in schema.names else None,
                configuration=dict(configuration),
                storage_options=dict(place.options),
                commit_properties=CREATE_ONCE,
                raise_if_key_not_exists=False,
                description=description,
            )
        except DeltaError:
            if not DeltaTable.is_deltatable(place.table_url(name), dict(place.options)):
                raise


def _check_columns(table: DeltaTable, name: str, schema: pa.Schema) -> None:
    there = {field.name: field.type for field in table.schema().fields}
    wanted = {field.name: field.type for field in DeltaSchema.from_arrow(schema).fields}
    if odd := sorted(column for column, kind in wanted.items() if there.get(column) != kind):
        raise LakeMismatch(
            f"table {name} has other columns than this version of SpanLedger: {', '.join(odd)}; "
            "use the version that wrote it"
        )


class AppendTable:
    """A table of ``warehouse.schemas`` that is only appended to; one handle, used by one thread at a time."""

    def __init__(self, place: Place, name: str, checkpoint_commits: int) -> None:
        self.name = name
        self.where = place.table_url(name)
        self.lock = threading.RLock()
        self._is_local = place.directory is not None
        self._files = place.filesystem(name)
        self._checkpoint_commits = checkpoint_commits
        self._handle = open_table(place, name, TABLES[name].schema)
        self._schema = DeltaSchema.from_arrow(TABLES[name].schema)

    def refresh(self) -> None:
        """Load what others have committed since."""
        with self.lock, unavailable("read", self.where):
            self._handle.update_incremental()

    def transaction_version(self, app_id: str) -> int | None:
        """The last app-transaction of ``app_id`` as of the last refresh."""
        with self.lock, unavailable("read", self.where):
            return self._handle.transaction_version(app_id)

    def version(self) -> int:
        """The table's version as of the last refresh."""
        return int(self._handle.version())

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
                self._handle.create_write_transaction(
                    list(added),
                    "append",
                    self._schema,
                    ["day"],
                    commit_properties=CommitProperties(app_transactions=[Transaction(*pair) for pair in transactions]),
                    post_commithook_properties=NO_HOOKS,
                )
            except CommitFailedError:
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
            self._handle.update_incremental()
            if all(self._handle.transaction_version(app_id) != version for app_id, version in transactions):
                discard(added, self._files)

    def checkpoint_if_due(self) -> None:
        """Sum up the log every so many commits; a failure costs readers time and no data, so it is logged only."""
        with self.lock:
            if self.version() % self._checkpoint_commits:
                return
            try:
                self._handle.create_checkpoint()
                self._handle.cleanup_metadata()
            except (DeltaError, OSError) as error:
                log.warning("no checkpoint", extra={"table": self.name, "version": self.version(), "error": str(error)})
