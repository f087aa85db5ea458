"""DuckDB's SQL → Spark's: what sqlglot translates by itself, and what it has to be told.

The meaning is DuckDB's. Where a word of Spark does otherwise in a corner (`collect_list` of nothing is no NULL,
`max_by` keeps NULL, `regexp_replace` replaces all) the rewrite states the corner too. ``FUNCTIONS`` holds the functions
that become a pattern, ``_NODES`` what needs more than a pattern; what Spark lacks altogether raises NoEqual.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import ClassVar

import sqlglot
from sqlglot import exp, transforms
from sqlglot.dialects.spark import Spark
from sqlglot.generators.spark import SparkGenerator

from warehouse.spark.errors import NoEqual


class Spark42(Spark):
    """Spark 4.2, which knows QUALIFY and 38 digits of a whole number."""

    class Generator(SparkGenerator):
        """What sqlglot's own generator writes otherwise."""

        TRANSFORMS: ClassVar[dict[type[exp.Expr], Callable[..., str]]] = {
            **SparkGenerator.TRANSFORMS,
            exp.Select: transforms.preprocess([transforms.unnest_to_explode]),
        }
        TYPE_MAPPING: ClassVar[dict[exp.DType, str]] = {
            **SparkGenerator.TYPE_MAPPING,
            exp.DType.INT128: "DECIMAL(38, 0)",
            exp.DType.TIMESTAMPNTZ: "TIMESTAMP",
        }


FUNCTIONS: Mapping[str, str] = {
    "epoch_us": "unix_micros({0})",
    "to_seconds": "make_dt_interval(0, 0, 0, {0})",
    "list_sum": "CASE WHEN size({0}) > 0 THEN aggregate({0}, CAST(0 AS BIGINT), (one, other) -> one + other) END",
    "list_min": "array_min({0})",
    "list_max": "array_max({0})",
    "local_time": "from_utc_timestamp({0}, {1})",
    "instant": (
        "CASE WHEN from_utc_timestamp(to_utc_timestamp({0} + INTERVAL 3 HOURS, {1}) - INTERVAL 3 HOURS, {1}) = {0} "
        "THEN greatest(to_utc_timestamp({0} + INTERVAL 3 HOURS, {1}) - INTERVAL 3 HOURS, to_utc_timestamp({0}, {1})) "
        "ELSE to_utc_timestamp({0}, {1}) END"
    ),
    "whole": "CAST(({0} - {0} % {1}) / CAST({1} AS DECIMAL(19, 0)) AS DECIMAL(38, 0))",
    "make_timestamptz": "timestamp_micros({0})",
    "hash": "(xxhash64({0}) & 9223372036854775807)",  # other numbers than DuckDB's, and never negative either
}
"""Functions of DuckDB, and macros of ours whose DuckDB text does not suit, as patterns of Spark."""

Macros = Mapping[str, tuple[tuple[str, ...], exp.Expr]]
"""By name: parameters and the expression that they stand in."""


_MACRO = re.compile(r"\s*(?:--.*\s+)*CREATE\s+(?:TEMP\s+)?MACRO\s+(\w+)\(([^)]*)\)\s+AS\s+(.*?);?\s*", re.DOTALL)


def parse(text: str) -> exp.Expr:
    """One statement of DuckDB's dialect, with what comments stand around it."""
    found = [one for one in sqlglot.parse(text, dialect="duckdb") if one and not isinstance(one, exp.Semicolon)]
    if len(found) != 1:
        raise NoEqual(f"{text[:80]!r}: one statement at a time")
    return found[0]


def parse_macro(text: str) -> tuple[str, tuple[tuple[str, ...], exp.Expr]] | None:
    """Name, parameters and expression of a CREATE MACRO; None of other statements."""
    found = _MACRO.fullmatch(text)
    if found is None:
        return None
    names = tuple(name.strip() for name in found[2].split(","))
    return found[1].lower(), (names, parse(f"SELECT {found[3]}").expressions[0])


def to_spark(tree: exp.Expr, macros: Macros, values: Mapping[str, object]) -> str:
    """A query, of which stars and unions by name are written out (``warehouse.spark.shadow``), as Spark's SQL.

    ``values``: what stands for ``$name``, and for ``getvariable('name')``.
    """
    expand = functools.partial(_expanded, macros=macros)
    bind = functools.partial(_bound, values=values)
    return _upwards(_upwards(_upwards(tree.copy(), bind), expand), _rewrite).sql(dialect=Spark42)


def _bound(node: exp.Expr, values: Mapping[str, object]) -> exp.Expr:
    if isinstance(node, exp.Placeholder):
        return _literal(values[node.name])
    if _called(node) == "getvariable":
        return _literal(values[node.expressions[0].name])
    return node


def _literal(value: object) -> exp.Expr:
    """A value as it is written; an instant in UTC."""
    if isinstance(value, datetime):
        return exp.cast(exp.Literal.string(value.astimezone(UTC).isoformat()), exp.DType.TIMESTAMPTZ)
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), exp.DType.DATE)
    if isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        scale = max(0, -int(exponent))
        kind = f"DECIMAL({max(len(digits) + max(0, int(exponent)), scale)}, {scale})"
        return exp.cast(exp.Literal.string(f"{value:f}"), exp.DataType.build(kind))
    if value is None or isinstance(value, (bool, int, str)):
        return exp.convert(value)
    raise NoEqual(f"a value of {type(value).__name__} is not written into SQL")


def _upwards(tree: exp.Expr, rule: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """Every node as the rule has it, the innermost first."""
    for node in reversed(list(tree.walk())):
        made = rule(node)
        if made is node:
            continue
        if node is tree:
            tree = made
        else:
            node.replace(made)
    return tree


def _expanded(node: exp.Expr, macros: Macros) -> exp.Expr:
    name = _called(node)
    if name not in macros or name in FUNCTIONS:
        return node
    names, body = macros[name]
    given = dict(zip(names, node.expressions, strict=True))
    inner = _upwards(body.copy(), functools.partial(_expanded, macros=macros))
    return exp.Paren(this=_upwards(exp.Paren(this=inner), functools.partial(_fill, given=given)))


def _fill(node: exp.Expr, given: Mapping[str, exp.Expr]) -> exp.Expr:
    if isinstance(node, exp.Column) and not node.table and node.name in given:
        return exp.Paren(this=given[node.name].copy())
    if isinstance(node, exp.Column) and node.table in given:
        alias = given[node.table]
        return exp.column(node.name, table=alias.name)
    return node


def _called(node: exp.Expr) -> str:
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def _rewrite(node: exp.Expr) -> exp.Expr:
    if (name := _called(node)) in FUNCTIONS:
        return from_pattern(FUNCTIONS[name], node.expressions)
    rule = _NODES.get(type(node))
    return rule(node) if rule else node


def from_pattern(pattern: str, given: Sequence[exp.Expr]) -> exp.Expr:
    """A pattern of Spark's SQL with expressions in its places."""
    names = {f"place_{index}": one for index, one in enumerate(given)}
    tree = sqlglot.parse_one(re.sub(r"\{(\d)\}", r"place_\1", pattern), dialect="spark")
    return exp.Paren(this=_upwards(exp.Paren(this=tree), functools.partial(_fill, given=names)))


def _percentile(node: exp.Expr) -> exp.Expr:
    return exp.Quantile(this=node.this, quantile=node.expression)


def _without_materialized(node: exp.Expr) -> exp.Expr:
    node.set("materialized", None)
    return node


def _list(node: exp.Expr) -> exp.Expr:
    """``list(x) FILTER (x IS NOT NULL)``, also DISTINCT and then in its own order: of nothing it is NULL."""
    if isinstance(node.parent, exp.Filter):
        return node
    array = node.this if isinstance(node, exp.Filter) else node
    if not isinstance(array, exp.ArrayAgg):
        return node
    value, order = (array.this.this, array.this) if isinstance(array.this, exp.Order) else (array.this, None)
    made = "collect_list"
    if isinstance(value, exp.Distinct):
        made, value = "collect_set", value.expressions[0]
    if order is not None and (made == "collect_list" or [key.this for key in order.expressions] != [value]):
        raise NoEqual(f"{node.sql('duckdb')}: Spark has lists in the order of their own values alone")
    where = node.expression if isinstance(node, exp.Filter) else None
    if where is None or where.this != exp.Not(this=exp.Is(this=value, expression=exp.Null())):
        raise NoEqual(f"{node.sql('duckdb')}: Spark has lists without NULL alone; say FILTER (x IS NOT NULL)")
    counted = exp.Filter(this=exp.Count(this=value.copy()), expression=where.copy())
    listed: exp.Expr = exp.Anonymous(this=made, expressions=[value.copy()])
    if order is not None:
        listed = exp.Anonymous(this="array_sort", expressions=[listed])
    there = exp.GT(this=counted, expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=there, true=listed)])


def _best(node: exp.Expr) -> exp.Expr:
    """``arg_max``: rows of which the value is NULL do not count."""
    told = exp.Not(this=exp.Is(this=node.this.copy(), expression=exp.Null()))
    name = "max_by" if isinstance(node, exp.ArgMax) else "min_by"
    call = exp.Anonymous(this=name, expressions=[node.this, node.expression])
    return exp.Filter(this=call, expression=exp.Where(this=told))


def _first_match(node: exp.Expr) -> exp.Expr:
    """``regexp_replace``: DuckDB replaces the first match and Spark all, which is the same where it is anchored."""
    pattern = node.expression.name
    if not (pattern.startswith("^") or pattern.endswith("$")):
        raise NoEqual(f"regexp_replace of {pattern!r}: Spark replaces all matches; anchor it with ^ or $")
    replacement = exp.Literal.string(re.sub(r"\\(\d)", r"$\1", node.args["replacement"].name))
    return exp.Anonymous(this="regexp_replace", expressions=[node.this, node.expression, replacement])


def _distinct_on(node: exp.Expr) -> exp.Expr:
    """The first row of each group, by QUALIFY: so no star gets another column."""
    distinct = node.args.get("distinct")
    if distinct is None or not distinct.args.get("on"):
        return node
    groups = [key.unnest() for key in distinct.args["on"].expressions] or [distinct.args["on"].unnest()]
    window = exp.Window(
        this=exp.RowNumber(), partition_by=[key.copy() for key in groups], order=node.args["order"].copy()
    )
    first = exp.EQ(this=window, expression=exp.Literal.number(1))
    for name, value in (("distinct", None), ("order", None), ("qualify", exp.Qualify(this=first))):
        node.set(name, value)
    return node


def _part(node: exp.Expr) -> exp.Expr:
    """``words[2:]``: from the second on."""
    key = node.expressions[0]
    if not isinstance(key, exp.Slice):
        return node
    if key.expression is not None:
        raise NoEqual(f"{node.sql('duckdb')}: only slices to the end are translated")
    return from_pattern("slice({0}, {1}, size({0}))", [node.this, key.this])


def _words(node: exp.Expr) -> exp.Expr:
    """``string_split(x, '')``: its characters."""
    return from_pattern("split({0}, '')", [node.this]) if node.expression.name == "" else node


def _different(node: exp.Expr) -> exp.Expr:
    """``list_distinct``, which leaves out NULL."""
    if isinstance(node.parent, exp.Anonymous) and node.parent.name == "array_compact":
        return node
    return exp.Anonymous(this="array_compact", expressions=[node.copy()])


_NODES: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.CTE: _without_materialized,
    exp.Filter: _list,
    exp.ArrayAgg: _list,
    exp.ArgMax: _best,
    exp.ArgMin: _best,
    exp.RegexpReplace: _first_match,
    exp.Select: _distinct_on,
    exp.Bracket: _part,
    exp.Split: _words,
    exp.ArrayDistinct: _different,
    exp.PercentileCont: _percentile,
}
