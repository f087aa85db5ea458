"""The frame that all steps work on: decoded columns, the message they came in, and what the winning aliases say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from processors.conventions.rules import roles, scope_pattern, scopes, usage_rules
from processors.conventions.table import REST, Alias, AliasTable
from processors.decode import Decoded
from warehouse.once.facts import one_piece

_CONVENTION_FROM = (
    "operation",
    "operation_kind",
    "input_tokens",
    "output_tokens",
    "request_model",
    "other_model",
    "response_model",
    "guardrail_action",
    "guardrail_denied",
    "guardrail_name",
    "tool_name",
    "task_outcome",
    "stream",
    "reported_cost",
)


_OFTEN_ONE = ("topic", "partition", "header_tenant", "header_principal")


def to_polars(table: pa.Table) -> pl.DataFrame:
    """A table as a frame, without copying where that can be; columns of texts have a text in each row."""
    encoded = [name for name in table.column_names if pa.types.is_dictionary(table.schema.field(name).type)]
    frame = cast("pl.DataFrame", pl.from_arrow(table.drop_columns(encoded)))
    return frame.hstack([_spread(name, one_piece(table[name])) for name in encoded])


def _spread(name: str, column: pa.DictionaryArray) -> pl.Series:
    values, numbers = (cast("pl.Series", pl.from_arrow(part)) for part in (column.dictionary, column.indices))
    return values.gather(numbers).alias(name)


def to_frame(decoded: Decoded) -> pl.DataFrame:
    """One row per span: the decoded columns, those of its message, and ``_row``."""
    spans = decoded.spans
    unsaid = [name for name in spans.column_names if spans[name].null_count == len(spans[name])]
    said = to_polars(spans.drop_columns(unsaid))
    nothing = [_nothing(name, spans.schema.field(name).type) for name in unsaid]
    row = pl.Series("_row", np.arange(len(said)))
    told = _of_messages(decoded)
    return said.hstack([row]).with_columns(*told, *nothing)  # literals take no memory


def _of_messages(decoded: Decoded) -> list[pl.Series | pl.Expr]:
    """The columns of each span's message; what all messages have in common as literals."""
    row = pl.Series(decoded.spans["message_index"].to_numpy(), dtype=pl.UInt32)
    messages = to_polars(decoded.messages)
    ones = {name for name in messages.columns if len(messages) and messages[name].null_count() == len(messages)}
    ones |= {name for name in _OFTEN_ONE if len(messages) and messages[name].n_unique() == 1}
    differ = pick(messages, [name for name in messages.columns if name not in ones])[row]
    return [
        pl.lit(messages[name][0], messages.schema[name]).alias(name) if name in ones else differ[name]
        for name in messages.columns
    ]


def pick(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The columns of these names, without the query that ``select`` makes: 0.1 ms each, forty times a flush."""
    return frame[list(names)] if names else frame.select()


def told_in(frame: pl.DataFrame, names: Sequence[str]) -> list[str]:
    """The columns in which any row has a value; a look that spreads no literal."""
    missing = pick(frame, names).null_count().row(0)
    return [name for name, count in zip(names, missing, strict=True) if count < len(frame)]


def step_where(
    odd: NDArray[np.bool_],
    frame: pl.DataFrame,
    step: Callable[[pl.DataFrame], pl.DataFrame],
    columns: Sequence[str],
    otherwise: Callable[[pl.DataFrame], pl.DataFrame],
) -> pl.DataFrame:
    """The frame after a step of which only ``odd`` rows are in need; ``otherwise``: what it comes to for the others.

    ``columns``: what the step adds or changes.
    """
    if odd.all():
        return step(frame)
    made = otherwise(frame)
    if not odd.any():
        return made
    rows, stepped = pl.Series(np.flatnonzero(odd)), step(frame.filter(odd))
    return made.with_columns(made[name].scatter(rows, stepped[name]) for name in columns)


@cache
def _nothing(name: str, kind: pa.DataType) -> pl.Expr:
    return pl.lit(None, _dtype(kind)).alias(name)


@cache
def _dtype(kind: pa.DataType) -> pl.DataType:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return cast("pl.Series", pl.from_arrow(pa.array([], kind))).dtype


def tell(decoded: Decoded) -> pl.DataFrame:
    """What the winning aliases and the scope of each row say; the same for all spans of one shape.

    ``tenant_class feature_class`` (tens of the winner's rank);
    ``input_includes output_includes audio_input_includes audio_output_includes input_key cached_key write_key``;
    ``input_is_rest output_is_rest``: the count is what was left over when its parts were taken out;
    ``convention usage_rank stream_ends models`` of the scope.
    """
    winners = decoded.winners

    def told(field: str, read: Callable[[Alias], str | int]) -> pl.Series:
        return _said(decoded.table, read).gather(cast("pl.Series", pl.from_arrow(winners[field])).cast(pl.UInt32))

    return to_polars(decoded.spans.select(["scope_name", "scope_version"])).select(
        told("tenant", _rank_class).cast(pl.Int8).alias("tenant_class"),
        told("feature", _rank_class).cast(pl.Int8).alias("feature_class"),
        told("input_tokens", _includes).alias("input_includes"),
        told("output_tokens", _includes).alias("output_includes"),
        told("audio_input_tokens", _includes).alias("audio_input_includes"),
        told("audio_output_tokens", _includes).alias("audio_output_includes"),
        told("input_tokens", _is_rest).alias("input_is_rest"),
        told("output_tokens", _is_rest).alias("output_is_rest"),
        told("input_tokens", _key).alias("input_key"),
        told("cached_input_tokens", _key).alias("cached_key"),
        told("cache_write_tokens", _key).alias("write_key"),
        _name_conventions([told(field, _convention) for field in _CONVENTION_FROM]).alias("convention"),
        _by_scope("usage_rank").cast(pl.Int8).alias("usage_rank"),
        _by_scope("stream_ends").alias("stream_ends"),
        _by_scope("models").alias("models"),
    )


@cache
def _said(table: AliasTable, read: Callable[[Alias], str | int]) -> pl.Series:
    """What each alias of the table says."""
    return pl.Series([read(alias) for alias in table.aliases])


def is_of_scope(scope: str) -> pl.Expr:
    """Whether the instrumentation scope is one of those that a table means by this."""
    return pl.col("scope_name").fill_null("").str.contains(scope_pattern(scope))


def host_ends(host: str) -> pl.Expr:
    """Whether the server's name ends so; ``*`` stands for any part."""
    ending = re.escape(host).replace(r"\*", ".*")
    return pl.col("server_address").str.contains(rf"(?i)(?:^|[.-]){ending}$")


Scopes = frozenset[str]
"""Names of scopes that rules are about, as tables write them."""


def scopes_in(frame: pl.DataFrame) -> Scopes:
    """Those that some row's scope is one of."""
    names = frame["scope_name"].fill_null("").unique().to_list()
    return frozenset(scope for scope, pattern in _patterns().items() if any(map(pattern.search, names)))


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {rule.scope: re.compile(scope_pattern(rule.scope)) for rules in (roles(), usage_rules()) for rule in rules}


@cache
def _by_scope(field: str) -> pl.Expr:
    """A field of the scope that the span is from, as the table of scopes says."""
    return pl.coalesce(*[pl.when(is_of_scope(one.prefix)).then(pl.lit(getattr(one, field))) for one in scopes()])


def _name_conventions(told: Sequence[pl.Series]) -> pl.Expr:
    """That of the scope, which may have a second one, known by its keys or by its version; else of the best key."""
    second, versioned = _by_scope("or_told"), _by_scope("if_versioned")
    is_second = pl.any_horizontal(*[(one == second).fill_null(value=False) for one in told])
    is_versioned = pl.col("scope_version").is_not_null() & (versioned != "")
    own = _by_scope("convention")
    return pl.coalesce(pl.when(is_second).then(second), pl.when(is_versioned).then(versioned), own, *told)


def _convention(alias: Alias) -> str:
    return alias.convention


def _rank_class(alias: Alias) -> int:
    return alias.rank // 10


def _includes(alias: Alias) -> str:
    return alias.counted


def _is_rest(alias: Alias) -> bool:
    return alias.includes == REST


def _key(alias: Alias) -> str:
    return ".".join((alias.key, *alias.path))
