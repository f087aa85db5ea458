"""Named questions to the lake: ``Warehouse(settings).ask("spend", ALL, by=("tenant", "feature"))``.

Every question is answered from one snapshot, in which all tables agree with each other, and within a *scope*, which is
required and enforced here: the tables that a question's SQL sees are views that hold nothing else. An empty lake gives
empty answers with the right columns. Money is exact (decimal128), times are UTC, NULL is unknown or unattributed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from warehouse.errors import LakeUnavailable
from warehouse.lake.place import Place, one_line
from warehouse.lake.snapshot import Snapshot, SnapshotTaker
from warehouse.questions import load_question
from warehouse.questions.parameters import Value
from warehouse.relations import EVER, Window, connect, expose
from warehouse.scope import ALL, Scope
from warehouse.settings import LakeSettings

__all__ = ["ALL", "Scope", "Warehouse", "WarehouseSnapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseSnapshot:
    """The lake at one moment; several questions to it agree with each other."""

    snapshot: Snapshot
    settings: LakeSettings

    @property
    def taken_at(self) -> datetime:
        """When it was taken."""
        return self.snapshot.taken_at

    def ask(self, question: str, scope: Scope, **params: object) -> pa.Table:
        """The answer to a question. Raises BadQuestion, LakeUnavailable."""
        asked = load_question(question)
        values = asked.parse(params)
        if "now" in values and values["now"] is None:
            values["now"] = self.taken_at
        try:
            with connect(self.settings) as connection:
                for table, in_window in asked.reads.items():
                    expose(connection, self.snapshot, table, scope, _window(values) if in_window else EVER)
                return connection.sql(asked.render(values), params=asked.bound(values)).to_arrow_table()
        except (duckdb.IOException, OSError) as error:
            raise LakeUnavailable(f"cannot read {self.snapshot.place.url}: {one_line(error)}") from error


class Warehouse:
    """Reader of one lake; may be used by several threads, and costs little to ask again."""

    def __init__(self, settings: LakeSettings) -> None:
        """Raises LakeMissing if there is no lake yet, LakeMismatch, LakeUnavailable."""
        self._settings = settings
        self._taker = SnapshotTaker(Place.of(settings))
        self.lake_id = self._taker.lake_id

    def snapshot(self) -> WarehouseSnapshot:
        """The lake as of now."""
        return WarehouseSnapshot(snapshot=self._taker.take(), settings=self._settings)

    def ask(self, question: str, scope: Scope, **params: object) -> pa.Table:
        """The answer to a question as of now. Raises BadQuestion, LakeUnavailable."""
        load_question(question).parse(params)
        return self.snapshot().ask(question, scope, **params)

    def versions(self) -> dict[str, int]:
        """The version of each table now: cheap, and different as soon as anything was committed."""
        return self._taker.versions()


def _window(values: dict[str, Value]) -> Window:
    start, end = values.get("start"), values.get("end")
    return (start if isinstance(start, datetime) else None, end if isinstance(end, datetime) else None)
