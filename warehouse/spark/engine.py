"""Apache Spark as an engine: the same SQL over the same Delta tables, at the versions of the snapshot.

Every statement is parsed by sqlglot as DuckDB's, run on an empty DuckDB beside, which tells names and types
(``shadow.py``), translated (``dialect.py``) and run. Temporary tables are computed at once and kept, in memory or on
disk, as long as they are used: where a machine of a cluster is lost with a part of them, the work fails and is done
again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb
import pyarrow as pa
from sqlglot import exp

from warehouse.engine import Answer, Values
from warehouse.instance import WORDS, connect
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import EVER, Window, rule_of
from warehouse.schemas import TABLES
from warehouse.scope import Scope
from warehouse.settings import LakeSettings
from warehouse.spark.dialect import parse, parse_macro, to_spark
from warehouse.spark.errors import NoEqual, SparkFailed
from warehouse.spark.session import Sessions
from warehouse.spark.shadow import Shadow

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_LONGEST = 600  # characters of what Spark says

_MACROS = dict(filter(None, (parse_macro(f"CREATE MACRO {word}") for word in WORDS)))


class Found:
    """The answer to a query, in the types that DuckDB gives it."""

    def __init__(self, rows: DataFrame, schema: pa.Schema) -> None:
        self._rows = rows
        self._schema = schema

    def to_arrow_table(self) -> pa.Table:
        """All of it. Raises SparkFailed."""
        with _failing():
            rows = self._rows.toArrow()
        columns = [column.cast(kind) for column, kind in zip(rows, self._schema.types, strict=True)]
        return pa.table(columns, schema=self._schema)

    def fetchall(self) -> list[Any]:
        """All rows as tuples. Raises SparkFailed."""
        return list(zip(*(column.to_pylist() for column in self.to_arrow_table()), strict=True))


class Spark:
    """One piece of work on Spark; ``WarehouseError`` and SparkFailed are what it raises."""

    def __init__(self, sessions: Sessions, settings: LakeSettings) -> None:
        self._session = sessions.new()
        self._beside = connect(settings)
        self._shadow = Shadow(self._beside)
        self._macros = dict(_MACROS)
        self._variables: dict[str, object] = {}
        self._made: dict[str, DataFrame] = {}

    def expose(
        self,
        snapshot: Snapshot,
        table: str,
        scope: Scope,
        window: Window = EVER,
        *,
        close: str = "",
        as_of: int | None = None,
        grain: str = "minute",  # noqa: ARG002 - Spark passes over folders like that of the sums
    ) -> None:
        """As ``Engine`` says, always by the minute; the files are those that the snapshot has read from the log.

        Delta's own reader would plan the log anew, with jobs of its own, in every statement: a third of a settlement.
        """
        schema = TABLES[table].schema
        rule = rule_of(self._beside, snapshot, table, scope, close=close, as_of=as_of)
        self._shadow.know(table, schema)
        with _failing():
            rows = self._session.createDataFrame(schema.empty_table())
            if (files := snapshot.within(table, *window)).num_rows:
                rows = self._read(snapshot.place.table_url(table), files["path"].to_pylist(), rows)
            rows.select(*map(_quoted, schema.names)).createOrReplaceTempView(f"{table}_rows")
        shown = exp.select("*").from_(f"{table}_rows").where(rule, dialect="duckdb")
        self._named(table, self._query(to_spark(shown, self._macros, {})))

    def register(self, name: str, rows: pa.Table) -> None:
        """As ``Engine`` says."""
        self._shadow.know(name, rows.schema)
        with _failing():
            self._named(name, self._session.createDataFrame(rows.combine_chunks()))  # lost: rows after an empty chunk

    def execute(self, query: str, parameters: Values = None) -> Answer:
        """As ``Engine`` says."""
        answer: Answer = _NOTHING
        for statement in duckdb.extract_statements(query):
            answer = self._run(statement.query, parameters)
        return answer

    def sql(self, query: str, *, params: Values = None) -> Answer:
        """As ``Engine`` says."""
        return self.execute(query, params)

    def _run(self, text: str, given: Values) -> Answer:
        if (macro := parse_macro(text)) is not None:
            self._beside.execute(text)
            self._macros[macro[0]] = macro[1]
            return _NOTHING
        statement = parse(text)
        if isinstance(statement, exp.Query):
            values = _by_name(given)
            schema = self._shadow.schema(statement.sql(dialect="duckdb"), values)
            return Found(self._rows(statement, values), schema)
        for kind, act in _STATEMENTS.items():
            if isinstance(statement, kind):
                return act(self, statement, given)
        raise NoEqual(f"{statement.sql(dialect='duckdb')[:80]}: no such statement is run on Spark")

    def _create(self, statement: exp.Expr, _given: Values) -> Answer:
        kind = statement.args["kind"].upper()
        statement.set("replace", True)
        self._beside.execute(statement.sql(dialect="duckdb"))
        named = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
        name = named.name
        if statement.expression is None:
            with _failing():
                self._named(name, self._session.createDataFrame(self._shadow.schema(f"FROM {name}", {}).empty_table()))
            return _NOTHING
        rows = self._rows(statement.expression, {})
        self._named(name, self._keep(rows) if kind == "TABLE" else rows)
        return _NOTHING

    def _insert(self, statement: exp.Expr, _given: Values) -> Answer:
        name = statement.this.name
        more = self._keep(self._rows(statement.expression, {}))
        with _failing():
            count = more.count()
            self._named(name, self._made[name].unionAll(more))
        return _Counted(count)

    def _delete(self, statement: exp.Expr, _given: Values) -> Answer:
        name, where = statement.this.name, statement.args["where"]
        stays = exp.Not(this=exp.Is(this=exp.Paren(this=where.this), expression=exp.true()))
        self._named(name, self._keep(self._rows(exp.select("*").from_(name).where(stays), {})))
        return _NOTHING

    def _keep(self, rows: DataFrame) -> DataFrame:
        """Rows as they are now, computed once: what is made of them knows no more of how they came about."""
        with _failing():
            return rows.localCheckpoint()

    def _set(self, statement: exp.Expr, given: Values) -> Answer:
        self._beside.execute(statement.sql(dialect="duckdb"), given)
        assigned = statement.expressions[0].this
        self._variables[assigned.this.name] = next(iter(given)) if given else None
        return _NOTHING

    def _rows(self, query: exp.Expr, values: Mapping[str, object]) -> DataFrame:
        """A query of DuckDB's dialect as rows of Spark."""
        tree = self._shadow.written_out(query, values)
        return self._query(to_spark(tree, self._macros, {**values, **self._variables}))

    def _query(self, text: str) -> DataFrame:
        with _failing():
            return self._session.sql(text)

    def _named(self, name: str, rows: DataFrame) -> None:
        self._made[name] = rows
        rows.createOrReplaceTempView(name)

    def _read(self, url: str, paths: Sequence[str], like: DataFrame) -> DataFrame:
        """Files of a table, with the columns of ``like``; one that a file lacks is NULL."""
        url = f"s3a://{url.removeprefix('s3://')}" if url.startswith("s3://") else url
        read = self._session.read.schema(like.schema).option("basePath", url)
        return read.parquet(*(re.sub(r"([\\\[\]{}*?])", r"\\\1", f"{url}/{path}") for path in paths))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._made.clear()  # Spark frees what nobody holds any more
        self._beside.close()


class _Counted:
    """What a statement that is no query answers: how many rows it touched."""

    def __init__(self, count: int) -> None:
        self._count = count

    def to_arrow_table(self) -> pa.Table:
        """One row, as DuckDB says it."""
        return pa.table({"Count": pa.array([self._count], pa.int64())})

    def fetchall(self) -> list[Any]:
        """Likewise."""
        return [(self._count,)]


_NOTHING = _Counted(0)

_STATEMENTS: Mapping[type[exp.Expr], Callable[[Spark, exp.Expr, Values], Answer]] = {
    exp.Create: Spark._create,  # noqa: SLF001 - its own
    exp.Insert: Spark._insert,  # noqa: SLF001
    exp.Delete: Spark._delete,  # noqa: SLF001
    exp.Set: Spark._set,  # noqa: SLF001
}


def _by_name(given: Values) -> dict[str, object]:
    """Values by the names of their places; those of ``$1``, ``$2`` … are numbers."""
    if isinstance(given, Mapping):
        return dict(given)
    return {str(place): value for place, value in enumerate(given or (), start=1)}


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


@contextmanager
def _failing() -> Iterator[None]:
    """Turn what Spark raises into SparkFailed with one line."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 - an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise SparkFailed(_said(str(error))) from error


def _said(text: str) -> str:
    """What went wrong and what caused it, without the stacks of Java."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("at ", "... ", "JVM stacktrace"))]
    causes = [line for line in lines if line.startswith("Caused by:")]
    return " ".join(" ".join((*lines[:2], *causes[-1:])).split())[:_LONGEST]
