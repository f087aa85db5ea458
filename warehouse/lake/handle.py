"""Delta tables by name: made once whoever comes first, opened, and kept loaded at little cost."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from warehouse.errors import LakeMismatch, LakeMissing
from warehouse.lake.place import Place, unavailable

CREATE_ONCE = CommitProperties(max_commit_retries=0)
"""With retries the loser of a race would commit its own metadata as version 1 and so give the table another id."""

REOPEN_COMMITS = 100
"""A handle drags along every commit since it was opened (0.05 ms each per refresh); past so many it is opened anew."""


ATTEMPTS = 20
"""How often what lost a race is tried anew; every attempt means that somebody else got on."""

WIDENED = "spanledger.widened"
"""Property of a table to which columns were added: its files do not all have them."""


def open_table(place: Place, name: str, schema: pa.Schema, *, add_columns: bool = False) -> DeltaTable:
    """The Delta table ``name``; columns of ``schema`` that an earlier version did not write are NULL in its rows.

    ``add_columns``: for who is going to write them. Raises LakeMissing, LakeMismatch (columns of another type).
    """
    with unavailable("open", place.table_url(name)):
        try:
            table = DeltaTable(place.table_url(name), storage_options=dict(place.options))
        except TableNotFoundError as error:
            raise LakeMissing(
                f"there is no lake at {place.url} (no table {name}); start `spanledger worker`, or set SPANLEDGER_LAKE"
            ) from error
        if add_columns and _later_columns(table, name, schema):
            return _widened(table, name, schema)
    _later_columns(table, name, schema)
    return table


def _widened(table: DeltaTable, name: str, schema: pa.Schema) -> DeltaTable:
    """The table with all columns of ``schema``; several processes may do this at once."""
    for attempt in range(ATTEMPTS):
        try:
            if not (later := _later_columns(table, name, schema)):
                break
            table.alter.set_table_properties({WIDENED: "true"}, raise_if_not_exists=False)  # first: readers go by it
            table.alter.add_columns(later)
        except CommitFailedError:
            if attempt == ATTEMPTS - 1:
                raise
            table.update_incremental()
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


def _later_columns(table: DeltaTable, name: str, schema: pa.Schema) -> list[Field]:
    """The columns of ``schema`` that the table does not have yet."""
    there = {field.name: field.type for field in table.schema().fields}
    wanted = DeltaSchema.from_arrow(schema).fields
    if odd := sorted(field.name for field in wanted if there.get(field.name, field.type) != field.type):
        raise LakeMismatch(
            f"table {name} has columns of another type than in this version of SpanLedger: {', '.join(odd)}; "
            "use the version that wrote it"
        )
    return [field for field in wanted if field.name not in there]


def _entry(version: int) -> str:
    return f"{version:020d}.json"


class Handle:
    """A loaded table; ``delta`` is as of the last refresh. For one thread at a time; raises what deltalake raises."""

    def __init__(self, place: Place, name: str, schema: pa.Schema, *, add_columns: bool = False) -> None:
        self._place = place
        self._name = name
        self._log = place.directory / name / "_delta_log" if place.directory else None
        self.delta = open_table(place, name, schema, add_columns=add_columns)
        self._opened_at = self.version

    @property
    def version(self) -> int:
        """Version of the table as of the last refresh."""
        return int(self.delta.version())

    @property
    def is_widened(self) -> bool:
        """Whether columns were added since the table was made, so that some files have fewer."""
        return WIDENED in self.delta.metadata().configuration

    def refresh(self) -> None:
        """Load what has been committed since."""
        if self._is_newest():
            return
        self.delta.update_incremental()
        if self.version - self._opened_at >= REOPEN_COMMITS:
            self.reopen()

    def _is_newest(self) -> bool:
        """Whether a look into the directory shows that nothing was committed: a hundredth of what deltalake needs.

        The commit that the handle stands at must still be there: where the log is cleaned up, the next one may be too.
        """
        if self._log is None:
            return False
        return (self._log / _entry(self.version)).exists() and not (self._log / _entry(self.version + 1)).exists()

    def reopen(self) -> None:
        """Load the table from its last checkpoint."""
        self.delta = DeltaTable(self._place.table_url(self._name), storage_options=dict(self._place.options))
        self._opened_at = self.version
