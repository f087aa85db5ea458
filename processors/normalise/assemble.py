"""The steps in order, and the columns that come out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from processors.codes import Groups
from processors.conventions.table import TAG
from processors.decode import Decoded
from processors.messages import DeadLetter, Tally, tally
from processors.normalise.accounts import TOLD, billed_accounts
from processors.normalise.calls import OF_SHAPES, RESPONDS, describe_calls
from processors.normalise.frame import pick, to_polars, told_in
from processors.normalise.guardrails import note_safety
from processors.normalise.identity import identify
from processors.normalise.maps import to_map
from processors.normalise.names import Named, encode_words, repeat_word, settle_names, spread
from processors.normalise.outcomes import count_empty, find_outcomes, may_tell
from processors.normalise.parts import MODALITIES
from processors.normalise.rules import Rules
from processors.normalise.semantics import tell_apis
from processors.normalise.servers import PORT_IN_ADDRESS
from processors.normalise.shapes import SHAPE, first_rows
from processors.normalise.speed import measure_speed
from processors.normalise.status import judge
from processors.normalise.tellers import hide_tellers
from processors.normalise.tiers import served_tiers, tier_words
from processors.normalise.times import place_in_time
from processors.normalise.usage import settle_usage
from warehouse import once
from warehouse.once.facts import one_piece
from warehouse.schemas import AMOUNTS, COST_KINDS, SPANS, TEXTS

ADDED_LATER = frozenset(
    {"billable", "suppressed_by", *once.NOTES, "cost_usd", "price_status", "price_version", *COST_KINDS}
)
"""Columns of the spans table that pricing and the once rules add."""

HELPERS = pa.schema(
    [
        pa.field("_row", pa.int64()),
        pa.field("_message_index", pa.int32()),
        pa.field("_span_name", pa.string()),
        pa.field("_span_kind", pa.int8()),
        pa.field("_role", pa.string()),
        pa.field("_model_call", pa.bool_()),
        pa.field("_genai", pa.bool_()),
        pa.field("_has_usage", pa.bool_()),
        pa.field("_usage_rank", pa.int8()),
        pa.field("_input_tokens_reported", pa.int64()),
        pa.field("_output_tokens_reported", pa.int64()),
        pa.field("_repair", pa.string()),
        pa.field("_user", pa.string()),
        pa.field("_other_user", pa.string()),
    ]
)
"""The helper columns, as the package's docstring describes them."""

UNITS = ("searches", "images", "audio_seconds", "pages", "characters", *MODALITIES)
_OVERLAPS = tuple(name for name in MODALITIES if "cached" in name)
"""Parts of two parts: that there were none has to be told, or the two cannot be told apart."""

SPELLED = frozenset({"user_id", "session_id", "task_id", "response_id", "_user", "_other_user"})
"""Texts that differ in nearly every span. All others are dictionary columns."""
_WORDS = pa.dictionary(pa.int32(), pa.string())


def as_words(fields: Iterable[pa.Field]) -> pa.Schema:
    """Columns of texts as dictionary columns, but for ``SPELLED``."""
    return pa.schema(
        pa.field(field.name, _WORDS) if field.type == pa.string() and field.name not in SPELLED else field
        for field in fields
    )


_SCHEMA = as_words([field for field in (*SPANS, *HELPERS) if field.name not in ADDED_LATER])
CARRIED = frozenset(
    {
        *("trace_id", "span_id", "parent_span_id", "name", "scope_name", "scope_version", "response_id", "call_id"),
        *("tenant", "feature", "principal", "environment", "service", "service_version", "service_tier", "host", "pod"),
        *("namespace", "provider_account", "prompt_name", "prompt_version", "route", "tool_name", "agent_name"),
        *("user_id", "other_user_id", "session_id", "task_id"),
    }
)
"""Decoded columns that no step before the names reads."""
_IDS = ("trace_id", "span_id", "parent_span_id")
_WIRE = {"_span_name": "name"}
_NO_NAMES = (*_IDS, *_WIRE.values(), "call_id")
_FOUND = ("provider", "request_model", "response_model", "server_address")
_RARE = ("reported_cost", "attempt", "resend_count")
_MOST_USD = 1e9
_MOST_ATTEMPTS = 2**31 - 1
_LAST_PORT = 2**16 - 1


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
    carried = [name for name in decoded.spans.column_names if name in CARRIED or name.startswith(TAG)]
    frame = _judge(decoded, (*carried, *TOLD))
    named = settle_names(_names(decoded, frame, carried), decoded, rules)
    shown = {**named.columns, "scope_name": hide_tellers(named.columns["scope_name"], rules.user_key)}
    dropped = tally(decoded.dead)
    dropped.update(decoded.dropped)
    dropped.update(count_empty(decoded))
    return Normalised(
        spans=_in_schema(_finish(frame), shown, decoded),
        outcomes=_outcomes(decoded, frame, named, rules),
        dead=decoded.dead,
        dropped=dropped,
        hidden=named.hidden,
    )


def to_canonical(decoded: Decoded, rules: Rules) -> pl.DataFrame:
    """All steps: the canonical columns, and what the steps have noted on their way. It may hold content."""
    renamed = [pl.col(name).alias(column) for column, name in _WIRE.items()]
    tier = tier_words(to_polars(pa.table({"service_tier": served_tiers(decoded.spans)}))["service_tier"])
    return _judge(decoded).pipe(identify, rules).pipe(_finish).with_columns(*renamed, tier)


def _finish(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(_remaining(frozenset(told_in(frame, _RARE))))


def _judge(decoded: Decoded, without: Collection[str] = ()) -> pl.DataFrame:
    return (
        describe_calls(decoded, without)
        .pipe(tell_apis, decoded)
        .pipe(settle_usage)
        .pipe(place_in_time)
        .pipe(judge)
        .pipe(measure_speed)
        .pipe(note_safety, decoded)
    )


def _names(decoded: Decoded, frame: pl.DataFrame, carried: Collection[str]) -> dict[str, pa.Array]:
    """What ``settle_names`` is given: names on the wire, and those that steps have found."""
    given = {name: one_piece(decoded.spans[name]) for name in carried if name not in _NO_NAMES}
    given |= _words(frame, _FOUND)
    given |= {name: frame[name].to_arrow() for name in ("tenant_class", "feature_class")}
    given["service_tier"] = served_tiers(decoded.spans)
    given["provider_account"] = billed_accounts(decoded.spans, given["provider"])
    given["response_id"] = _own_response_ids(decoded, frame)
    return given


def _words(frame: pl.DataFrame, names: Collection[str]) -> dict[str, pa.Array]:
    """Dictionary columns of texts, by name: what shapes say, a text that all rows have, or what rows say."""
    alike = _alike(frame)
    by_shape = pick(frame, [name for name in names if name in OF_SHAPES])[alike.first]
    columns = {name: spread(by_shape[name], alike) for name in by_shape.columns}
    texts = pick(frame, [name for name in names if name not in OF_SHAPES])
    if not len(texts):
        return columns | {name: repeat_word(None, 0) for name in texts.columns}
    is_one = texts.select(pl.all().eq_missing(pl.all().first()).all()).row(0, named=True)
    for name, first in texts.row(0, named=True).items():
        columns[name] = repeat_word(first, len(frame)) if is_one[name] else encode_words(texts[name], alike)
    return columns


def _alike(frame: pl.DataFrame) -> Groups:
    shape = frame[SHAPE].to_numpy()
    return Groups(of_row=shape, first=first_rows(shape))


def _own_response_ids(decoded: Decoded, frame: pl.DataFrame) -> pa.Array:
    """Those of spans that may respond; not the client's own id, which litellm writes where the provider gave none."""
    ids, of_client = (one_piece(decoded.spans[name]) for name in ("response_id", "call_id"))
    own = frame[RESPONDS].to_numpy().copy()
    if of_client.null_count < len(of_client):
        same = pc.equal(ids.cast(pa.string()), of_client.cast(pa.string()))
        own &= ~np.asarray(pc.fill_null(same, False).to_numpy(zero_copy_only=False), np.bool_)
    return ids if own.all() else pc.if_else(pa.array(own), ids.cast(pa.string()), None)


def _outcomes(decoded: Decoded, frame: pl.DataFrame, named: Named, rules: Rules) -> pa.Table:
    whole = _with_names(frame, named, decoded) if may_tell(decoded, frame) else frame
    return find_outcomes(decoded, whole, rules.user_key)


def _with_names(frame: pl.DataFrame, named: Named, decoded: Decoded) -> pl.DataFrame:
    """The frame with the columns that no other step reads."""
    ids = to_polars(decoded.spans.select(_IDS))
    return frame.hstack(ids).with_columns(to_polars(pa.table(dict(named.columns))).get_columns())


@cache
def _remaining(told: frozenset[str]) -> list[pl.Expr]:
    """Columns that need no step of their own. ``told``: those of ``_RARE`` in which any row has a value."""
    cost = pl.col("reported_cost")
    usd = pl.when(cost.is_between(0, _MOST_USD)).then(cost).cast(pl.Decimal(38, 12))
    sent_again = pl.when(pl.col("resend_count").is_between(0, _MOST_ATTEMPTS - 1)).then(pl.col("resend_count") + 1)
    number = pl.coalesce(pl.when(pl.col("attempt") > 0).then(pl.col("attempt")), sent_again)
    attempt = pl.when(number <= _MOST_ATTEMPTS).then(number).cast(pl.Int32)
    port = pl.coalesce(PORT_IN_ADDRESS, "server_port")
    return [
        pl.when(port.is_between(1, _LAST_PORT)).then(port).cast(pl.Int32).alias("server_port"),
        (usd if "reported_cost" in told else pl.lit(None, pl.Decimal(38, 12))).alias("reported_cost_usd"),
        (attempt if told & {"attempt", "resend_count"} else pl.lit(None, pl.Int32)).alias("attempt"),
        pl.col("partition").alias("source_partition"),
        pl.col("offset").alias("source_offset"),
        pl.col("message_index").alias("_message_index"),
        pl.col("kind").alias("_span_kind"),
    ]


def _in_schema(frame: pl.DataFrame, named: Mapping[str, pa.Array], decoded: Decoded) -> pa.Table:
    rows = decoded.spans.num_rows
    tags = {tag: named[TAG + tag] for tag in decoded.table.tags}
    columns: dict[str, Any] = {
        **named,
        **{name: decoded.spans[name] for name in _IDS},
        **{column: decoded.spans[name] for column, name in _WIRE.items()},
        "units": to_map({name: _amounts(frame[name]) for name in told_in(frame, UNITS)}, AMOUNTS, rows),
        "tags": to_map({tag: cast("pl.Series", pl.from_arrow(tags[tag])).cast(pl.String) for tag in tags}, TEXTS, rows),
    }
    others = [field for field in _SCHEMA if field.name not in columns]
    columns |= _words(frame, [field.name for field in others if field.type == _WORDS])
    plain = pick(frame, [field.name for field in others if field.type != _WORDS]).to_arrow()
    columns |= {name: plain[name] for name in plain.column_names}
    return pa.table([_as(field, columns[field.name]) for field in _SCHEMA], schema=_SCHEMA)


def _as(field: pa.Field, column: Any) -> Any:
    if column.type == field.type:
        return column
    return column.dictionary_encode() if column.type == pa.string() else column.cast(field.type)


def _amounts(told: pl.Series) -> pl.Series:
    """0 of most units is what others write for none."""
    if told.null_count() == len(told):
        return told
    possible = told >= 0 if told.name in _OVERLAPS else told > 0
    return told.set(~possible.fill_null(value=False), None)
