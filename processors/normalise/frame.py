"""The frame that all steps work on: decoded columns, the message they came in, and what the winning aliases say."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import polars as pl
import pyarrow as pa

from processors.conventions.rules import Scope, scopes
from processors.conventions.table import Alias
from processors.decode import Decoded

_CONVENTION_FROM = (
    "operation",
    "operation_kind",
    "input_tokens",
    "output_tokens",
    "request_model",
    "response_model",
    "guardrail_action",
    "tool_name",
    "task_outcome",
)


def to_polars(table: pa.Table) -> pl.DataFrame:
    """A table as a frame, without copying where that can be."""
    return cast("pl.DataFrame", pl.from_arrow(table))


def to_frame(decoded: Decoded) -> pl.DataFrame:
    """One row per span.

    Beside the decoded columns: those of its message; ``tenant_class feature_class`` (tens of the winner's rank);
    ``input_includes output_includes input_key cached_key write_key``; ``convention usage_rank stream_ends models`` of
    the scope.
    """
    frame = to_polars(decoded.spans)
    messages = to_polars(decoded.messages)[frame["message_index"]]
    told = [_told(decoded, field, _convention) for field in _CONVENTION_FROM]
    return frame.hstack(messages).with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("_row"),
        _told(decoded, "tenant", _rank_class).cast(pl.Int8).alias("tenant_class"),
        _told(decoded, "feature", _rank_class).cast(pl.Int8).alias("feature_class"),
        _told(decoded, "input_tokens", _includes).alias("input_includes"),
        _told(decoded, "output_tokens", _includes).alias("output_includes"),
        _told(decoded, "input_tokens", _key).alias("input_key"),
        _told(decoded, "cached_input_tokens", _key).alias("cached_key"),
        _told(decoded, "cache_write_tokens", _key).alias("write_key"),
        pl.coalesce(_by_scope(lambda scope: scope.convention), *told).alias("convention"),
        _by_scope(lambda scope: scope.usage_rank).cast(pl.Int8).alias("usage_rank"),
        _by_scope(lambda scope: scope.stream_ends).alias("stream_ends"),
        _by_scope(lambda scope: scope.models).alias("models"),
    )


def scope_starts(prefix: str) -> pl.Expr:
    """Whether the instrumentation scope's name begins so."""
    return pl.col("scope_name").fill_null("").str.starts_with(prefix)


def _by_scope(read: Callable[[Scope], str | int]) -> pl.Expr:
    return pl.coalesce(*[pl.when(scope_starts(scope.prefix)).then(pl.lit(read(scope))) for scope in scopes()])


def _told(decoded: Decoded, field: str, read: Callable[[Alias], str | int]) -> pl.Series:
    """What the winning alias of a field says, row by row; NULL where the field is."""
    said = pl.Series([read(alias) for alias in decoded.table.aliases])
    winners = cast("pl.Series", pl.from_arrow(decoded.winners[field]))
    return said.gather(winners.cast(pl.UInt32))


def _convention(alias: Alias) -> str:
    return alias.convention


def _rank_class(alias: Alias) -> int:
    return alias.rank // 10


def _includes(alias: Alias) -> str:
    return alias.includes


def _key(alias: Alias) -> str:
    return ".".join((alias.key, *alias.path))
