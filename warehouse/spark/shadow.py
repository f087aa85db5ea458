"""An empty DuckDB beside Spark: it says what the columns of a query are called and of what types they are.

Spark has no ``UNION ALL BY NAME``, no ``* REPLACE`` and no order of maps: they are written out, by the columns that
DuckDB finds there. And an answer of Spark is cast to the types that DuckDB would have given: what does not fit them is
an error.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa
from sqlglot import exp

Columns = list[tuple[str, str]]
"""Names and types, as DuckDB tells them."""


class Shadow:
    """A DuckDB in which every table is known and empty."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def know(self, table: str, schema: pa.Schema) -> None:
        """A table of these columns."""
        self.connection.register(table, schema.empty_table())

    def schema(self, query: str, values: Mapping[str, object]) -> pa.Schema:
        """The columns of a query's answer."""
        found: pa.Schema = self.connection.sql(query, params=in_places(values)).to_arrow_table().schema
        return found

    def written_out(self, tree: exp.Expr, values: Mapping[str, object]) -> exp.Expr:
        """The query with its unions by name and its replaced stars written out."""
        told = _Told(self.connection, values)
        changed = tree.copy()
        pairs = list(zip(tree.walk(), changed.walk(), strict=True))
        for original, copy in reversed(pairs):  # the innermost first
            if isinstance(original, exp.SetOperation) and original.args.get("by_name"):
                _by_position(copy, original, told)
            elif isinstance(original, exp.Select):
                _in_order(copy, original, told)
                _without_replace(copy, original, told)
        return changed


def in_places(values: Mapping[str, object]) -> Mapping[str, object] | list[object] | None:
    """Values as DuckDB binds them: by name, or in the order of their numbers."""
    return list(values.values()) if all(name.isdigit() for name in values) else values


class _Told:
    """What DuckDB says of parts of one query."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, values: Mapping[str, object]) -> None:
        self._connection = connection
        self._values = values

    def columns(self, node: exp.Expr, query: exp.Expr) -> Columns:
        """Of a query that would stand in the place of ``node``: with what is named before it."""
        told = exp.select("*").from_(exp.Subquery(this=query.copy()))
        for one in _named_before(node):
            told = told.with_(one.args["alias"].copy(), as_=one.this.copy(), copy=False)
        used = {one.name for one in told.find_all(exp.Placeholder)}
        given = {name: value for name, value in self._values.items() if name in used}
        found = self._connection.sql(told.sql(dialect="duckdb"), params=in_places(given))
        return list(zip(found.columns, map(str, found.types), strict=True))


def _named_before(node: exp.Expr) -> list[exp.Expr]:
    """The common tables that a node sees, in their order."""
    seen: list[exp.Expr] = []
    below, above = node, node.parent
    while above is not None:
        if isinstance(above, exp.With):
            before = above.expressions[: above.expressions.index(below)]
            seen, above = [*before, *seen], above.parent  # of the query that they belong to they are not seen again
        elif (own := above.args.get("with_")) is not None:
            seen = [*own.expressions, *seen]
        below, above = (above, above.parent) if above is not None else (below, None)
    own = node.args.get("with_")
    return seen if own is None else [*seen, *own.expressions]


def _by_position(copy: exp.Expr, original: exp.Expr, told: _Told) -> None:
    """Both sides with all columns in one order; what a side has not is NULL."""
    everything = told.columns(original, original)
    for side in ("this", "expression"):
        there = {name.lower() for name, _ in told.columns(original, original.args[side])}
        columns = [
            exp.column(name, quoted=True) if name.lower() in there else _null(name, kind) for name, kind in everything
        ]
        inner = copy.args[side]
        inner = inner if isinstance(inner, exp.Subquery) else exp.Subquery(this=inner.copy())
        copy.set(side, exp.Select(expressions=columns).from_(inner))
    copy.set("by_name", None)


def _null(name: str, kind: str) -> exp.Expr:
    nothing = exp.cast(exp.Null(), exp.DataType.build(kind, dialect="duckdb"))
    return exp.alias_(nothing, name, quoted=True)


def _without_replace(copy: exp.Expr, original: exp.Expr, told: _Told) -> None:
    """``* REPLACE (x AS a)`` as a list of columns."""
    columns: list[exp.Expr] = []
    for one, plain in zip(copy.expressions, original.expressions, strict=True):
        replaced = _star(one).args.get("replace")
        if not replaced:
            columns.append(one)
            continue
        bare = plain.copy()
        _star(bare).set("replace", None)
        query = exp.Select(expressions=[bare])
        for part in ("from_", "joins", "with_"):
            query.set(part, _copy_of(original.args.get(part)))
        table = one.table if isinstance(one, exp.Column) else None
        by_name = {item.alias.lower(): item for item in replaced}
        columns += [
            by_name.get(name.lower()) or exp.column(name, table=table, quoted=True)
            for name, _ in told.columns(original, query)
        ]
    copy.set("expressions", columns)


def _star(one: exp.Expr) -> exp.Expr:
    """The star of ``*`` and of ``s.*``; of other expressions themselves."""
    return one.this if isinstance(one, exp.Column) and isinstance(one.this, exp.Star) else one


def _copy_of(part: object) -> object:
    """A copy of an argument of a node: a node, several of them, or none."""
    if isinstance(part, list):
        return [one.copy() for one in part]
    return part.copy() if isinstance(part, exp.Expr) else part


def _in_order(copy: exp.Expr, original: exp.Expr, told: _Told) -> None:
    """``ORDER BY ALL`` as a list of columns, and maps by their entries: on Spark maps have no order."""
    if original.args.get("order") is None:
        return
    bare = original.copy()
    bare.set("order", None)
    kinds = dict(told.columns(original, bare))
    keys: list[exp.Expr] = []
    for key in copy.args["order"].expressions:
        if isinstance(key.this, exp.Var) and key.this.name.upper() == "ALL":
            keys += [exp.Ordered(this=exp.column(name, quoted=True), nulls_first=False) for name in kinds]
        else:
            keys.append(key)
    for key in keys:
        if isinstance(key.this, exp.Column) and kinds.get(key.this.name, "").startswith("MAP"):
            key.set("this", exp.Anonymous(this="map_entries", expressions=[key.this.copy()]))
    copy.args["order"].set("expressions", keys)
