"""The steps in order, and the columns that come out."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from processors.conventions.table import TAG
from processors.decode import Decoded
from processors.messages import DeadLetter, Tally, tally
from processors.normalise.calls import describe_calls
from processors.normalise.guardrails import note_safety
from processors.normalise.identity import identify
from processors.normalise.maps import to_map
from processors.normalise.outcomes import count_nameless, find_outcomes
from processors.normalise.parts import MODALITIES
from processors.normalise.rules import Rules
from processors.normalise.secrets import count_hidden
from processors.normalise.speed import measure_speed
from processors.normalise.status import judge
from processors.normalise.times import place_in_time
from processors.normalise.usage import settle_usage
from warehouse.schemas import AMOUNTS, COST_KINDS, SPANS, TEXTS

ADDED_LATER = frozenset({"billable", "suppressed_by", "cost_usd", "price_status", "price_version", *COST_KINDS})
"""Columns of the spans table that pricing and the once rules add."""

HELPERS = pa.schema(
    [
        pa.field("_row", pa.int64()),
        pa.field("_message_index", pa.int32()),
        pa.field("_span_name", pa.string()),
        pa.field("_span_kind", pa.int8()),
        pa.field("_scope_name", pa.string()),
        pa.field("_role", pa.string()),
        pa.field("_model_call", pa.bool_()),
        pa.field("_genai", pa.bool_()),
        pa.field("_has_usage", pa.bool_()),
        pa.field("_usage_rank", pa.int8()),
        pa.field("_reported_duration_ms", pa.float64()),
        pa.field("_input_tokens_reported", pa.int64()),
        pa.field("_output_tokens_reported", pa.int64()),
        pa.field("_repair", pa.string()),
        pa.field("_tenant_rank", pa.int8()),
        pa.field("_feature_rank", pa.int8()),
        pa.field("_user", pa.string()),
        pa.field("_safety", pa.string()),
    ]
)
"""The helper columns, as the package's docstring describes them."""

UNITS = ("searches", "images", "audio_seconds", "pages", "characters", *MODALITIES)
_OVERLAPS = ("image_cached_input_tokens", "audio_cached_input_tokens")
"""Parts of two parts: that there were none has to be told, or the two cannot be told apart."""

_SCHEMA = pa.schema([*(field for field in SPANS if field.name not in ADDED_LATER), *HELPERS])
_MOST_USD = 1e9
_MOST_ATTEMPTS = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """Spans and outcomes of some messages, and verdicts on the rest; ``dropped`` counts dead letters too.

    ``outcomes`` has the column ``_message_index`` beside its own. ``hidden``: names that were replaced by their hash.
    """

    spans: pa.Table
    outcomes: pa.Table
    dead: tuple[DeadLetter, ...]
    dropped: Tally
    hidden: Tally


def normalise(decoded: Decoded, rules: Rules) -> Normalised:
    """Canonical spans and outcomes; row ``i`` of ``spans`` is row ``i`` of ``decoded.spans``."""
    frame = to_canonical(decoded, rules)
    dropped = tally(decoded.dead)
    dropped.update(decoded.dropped)
    dropped.update(count_nameless(decoded))
    return Normalised(
        spans=_in_schema(frame, decoded.table.tags),
        outcomes=find_outcomes(decoded, frame),
        dead=decoded.dead,
        dropped=dropped,
        hidden=count_hidden(frame),
    )


def to_canonical(decoded: Decoded, rules: Rules) -> pl.DataFrame:
    """All steps: the canonical columns, and what the steps have noted on their way. It may hold content."""
    return (
        describe_calls(decoded)
        .pipe(settle_usage)
        .pipe(place_in_time)
        .pipe(judge)
        .pipe(measure_speed)
        .pipe(note_safety, decoded)
        .pipe(identify, rules)
        .with_columns(*_remaining())
    )


def _remaining() -> list[pl.Expr]:
    """Columns that need no step of their own."""
    cost = pl.col("reported_cost")
    sent_again = pl.when(pl.col("resend_count").is_between(0, _MOST_ATTEMPTS - 1)).then(pl.col("resend_count") + 1)
    attempt = pl.coalesce(pl.when(pl.col("attempt") > 0).then(pl.col("attempt")), sent_again)
    return [
        pl.when(cost.is_between(0, _MOST_USD)).then(cost).cast(pl.Decimal(38, 12)).alias("reported_cost_usd"),
        pl.when(attempt <= _MOST_ATTEMPTS).then(attempt).cast(pl.Int32).alias("attempt"),
        pl.col("service_tier").str.to_lowercase().alias("service_tier"),
        pl.col("partition").alias("source_partition"),
        pl.col("offset").alias("source_offset"),
        pl.col("message_index").alias("_message_index"),
        pl.col("name").alias("_span_name"),
        pl.col("kind").alias("_span_kind"),
        pl.col("scope_name").alias("_scope_name"),
        pl.col("reported_duration").alias("_reported_duration_ms"),
    ]


def _in_schema(frame: pl.DataFrame, tags: tuple[str, ...]) -> pa.Table:
    plain = [name for name in _SCHEMA.names if name not in ("units", "tags")]
    table = frame.select(plain).to_arrow()
    maps = {
        "units": to_map({name: _amounts(frame[name]) for name in UNITS}, AMOUNTS, len(frame)),
        "tags": to_map({tag: frame[TAG + tag] for tag in tags}, TEXTS, len(frame)),
    }
    columns = [maps[f.name] if f.name in maps else table[f.name].cast(f.type) for f in _SCHEMA]
    return pa.table(columns, schema=_SCHEMA)


def _amounts(told: pl.Series) -> pl.Series:
    """0 of most units is what others write for none."""
    possible = told >= 0 if told.name in _OVERLAPS else told > 0
    return told.set(~possible.fill_null(value=False), None)
