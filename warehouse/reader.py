"""Named questions to the lake: ``Warehouse(settings).ask("spend", ALL, by=("tenant", "feature"))``.

Every question is answered from one snapshot, in which all tables agree with each other, and within a *scope*, which is
required and enforced here: the tables that a question's SQL sees are views that hold nothing else, and what is about
the whole deployment is for the scope ALL alone (``warehouse.scope``). An empty lake gives empty answers with the right
columns. Money is exact (decimal128), times are UTC, NULL is unknown or unattributed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from warehouse.corrected import CORRECTED_SPANS, MADE_OF, expose_corrected
from warehouse.damage import FAILURES, failure
from warehouse.engine import DuckDB, Opener
from warehouse.errors import BadQuestion
from warehouse.lake.place import Place
from warehouse.lake.snapshot import Snapshot, SnapshotTaker
from warehouse.questions import Question, load_question
from warehouse.questions.dimensions import Level
from warehouse.questions.parameters import Value
from warehouse.relations import EVER, Window
from warehouse.schemas import TABLES
from warehouse.scope import ALL, Scope, is_whole
from warehouse.settings import LakeSettings

__all__ = ["ALL", "Scope", "Warehouse", "WarehouseSnapshot", "is_whole"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseSnapshot:
    """The lake at one moment; several questions to it agree with each other."""

    snapshot: Snapshot
    settings: LakeSettings
    levels: tuple[Level, ...] = ()
    engine: Opener = DuckDB

    @property
    def taken_at(self) -> datetime:
        """When it was taken."""
        return self.snapshot.taken_at

    @property
    def version(self) -> tuple[tuple[str, int], ...]:
        """Versions of the tables: where they are the same, so is every answer that does not ask for the time."""
        return tuple(sorted(self.snapshot.versions.items()))

    def ask(self, question: str, scope: Scope, **params: object) -> pa.Table:
        """The answer to a question. Raises BadQuestion, LakeUnavailable, LakeDamaged."""
        asked = load_question(question).knowing(self.levels)
        values = asked.parse(params)
        if asked.books and values["as_of_settlement"] is not None:
            return self.ask(asked.books, scope, **params)
        whole = check_scope(asked, scope)
        if "now" in values and values["now"] is None:
            values["now"] = self.taken_at
        windows = {table: _window(values, extent) for table, extent in asked.reads.items()}
        try:
            with self.engine(self.settings) as engine:
                for table, window in windows.items():
                    if table == CORRECTED_SPANS:
                        expose_corrected(engine, self.snapshot, scope, window)
                        continue
                    grain = asked.grain(table, values)
                    engine.expose(self.snapshot, table, scope, window, as_of=_as_of(values), grain=grain)
                bound = asked.bound(values, whole=whole)
                answer = engine.sql(asked.render(values), params=bound).to_arrow_table()
        except FAILURES as error:
            doing = f"cannot answer {question} from {self.snapshot.place.url}"
            raise failure(doing, error, self.snapshot, _of_tables(windows), self.settings) from error
        return answer if whole else _without(answer, asked.whole)


class Warehouse:
    """Reader of one lake; may be used by several threads, and costs little to ask again."""

    def __init__(self, settings: LakeSettings, levels: tuple[Level, ...] = (), engine: Opener = DuckDB) -> None:
        """``levels``: dimensions that a file of its own declares (``warehouse.allocation``); ``engine``: who reckons.

        Raises LakeMissing if there is no lake yet, LakeMismatch, LakeUnavailable.
        """
        self._settings = settings
        self._levels = levels
        self._engine = engine
        self._taker = SnapshotTaker(Place.of(settings))
        self.lake_id = self._taker.lake_id

    def snapshot(self) -> WarehouseSnapshot:
        """The lake as of now."""
        return WarehouseSnapshot(
            snapshot=self._taker.take(), settings=self._settings, levels=self._levels, engine=self._engine
        )

    def ask(self, question: str, scope: Scope, **params: object) -> pa.Table:
        """The answer to a question as of now. Raises BadQuestion, LakeUnavailable, LakeDamaged."""
        asked = load_question(question).knowing(self._levels)
        asked.parse(params)
        check_scope(asked, scope)
        return self.snapshot().ask(question, scope, **params)

    def versions(self) -> dict[str, int]:
        """The version of each table now: cheap, and different as soon as anything was committed."""
        return self._taker.versions()


def check_scope(question: Question, scope: Scope) -> bool:
    """Whether the scope is ALL; BadQuestion where it is not and the question is about the whole deployment alone.

    Up to when hours are settled is for everybody to know.
    """
    if is_whole(scope):
        return True
    tables = question.reads.keys() - {CORRECTED_SPANS, "settlements"}
    nobodys = {table for table in tables if "tenant" not in TABLES[table].schema.names}
    if nobodys and not question.whole:
        raise BadQuestion(f"{question.name} is about the whole deployment and not about tenants; ask without --tenant")
    return False


def _of_tables(windows: Mapping[str, Window]) -> Mapping[str, Window]:
    """The windows of the tables that are opened."""
    made_of = {name: MADE_OF if name == CORRECTED_SPANS else (name,) for name in windows}
    return {table: windows[name] for name, tables in made_of.items() for table in tables}


def _without(answer: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The answer with NULL in ``columns``."""
    for name in columns:
        index = answer.schema.get_field_index(name)
        field = answer.schema.field(index)
        answer = answer.set_column(index, field, pa.nulls(answer.num_rows, field.type))
    return answer


def _as_of(values: dict[str, Value]) -> int | None:
    number = values.get("as_of_settlement")
    return number if isinstance(number, int) else None


def _window(values: dict[str, Value], extent: str) -> Window:
    start, end = (one if isinstance(one, datetime) else None for one in (values.get("start"), values.get("end")))
    return (start, end) if extent.startswith("in window") else EVER
