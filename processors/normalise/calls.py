"""What a span is: role, operation, models, stream, finish reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cache, lru_cache
from typing import cast

import polars as pl

from processors.conventions.rules import ANY, NAMED, NONE, SPAN_KINDS, Role, roles, words
from processors.conventions.table import AliasTable
from processors.decode import Decoded
from processors.normalise.finish import FINISH_SPEAKS, finish_speaks
from processors.normalise.frame import Scopes, is_of_scope, scopes_in, tell, to_frame
from processors.normalise.ordinary import COUNTS_WHOLE, counts_whole
from processors.normalise.semantics import RULED, ruled
from processors.normalise.servers import PORT_IN_ADDRESS, name_servers, read_address, told_provider
from processors.normalise.shapes import WORDS, Memo, first_rows, number_shapes, spread
from processors.normalise.status import ENDS_WELL, ends_well, find_failures, read_failures
from processors.normalise.words import MEMBER, closed
from warehouse.schemas import BILLABLE_OPERATIONS

_AGGREGATES = ("invoke_agent", "task")
_LAST_WORD = r"^\s*(?:\w+\.)*(?i:(?:FINISH_|STOP_)?REASON_)?(.*?)\s*$"
"""``MAX_TOKENS`` of ``FinishReason.MAX_TOKENS`` and ``FINISH_REASON_MAX_TOKENS``."""
_CLIENT_OF_A_MODEL = (pl.col("kind") == SPAN_KINDS["CLIENT"]) & pl.col("usage_rank").is_not_null()
_HAS_TOKENS = pl.col("input_tokens").is_not_null() | pl.col("output_tokens").is_not_null()


RESPONDS = "_responds"
"""Column of shapes: whether a span's response id names a response."""


_DESCRIBED = (
    *("_role", "role_operation", "role_stream", "operation", "provider", "request_model", "response_model", "stream"),
    *("finish_reason", "finish_word", "server_address", PORT_IN_ADDRESS, "_model_call", "_genai", *RULED.values()),
    *("failed", COUNTS_WHOLE, ENDS_WELL, FINISH_SPEAKS, RESPONDS),
)


_WIRE_WORDS = [name for name in _DESCRIBED if name in WORDS]
"""Columns that hold the wire's words until canonical ones take their places."""


OF_SHAPES = frozenset(
    {
        *("_role", "operation", "provider", "request_model", "response_model", "finish_reason", "server_address"),
        "convention",
    }
)
"""Texts that are the same in all rows of a shape, also where later steps replace them."""


def describe_calls(decoded: Decoded, without: Collection[str] = ()) -> pl.DataFrame:
    """One row per span: what it was decoded to, words replaced by canonical ones, and the columns of ``tell``.

    Adds ``failed error_text _role _model_call _genai finish_word`` and ``RULED``; decoded columns that are ``without``
    are left out.
    """
    shape = number_shapes(decoded)
    described = _memo(decoded.table).make(decoded, first_rows(shape))
    spans = decoded.spans.drop_columns([*_WIRE_WORDS, *without])
    frame = to_frame(replace(decoded, spans=spans)).with_columns(spread(described, shape)).pipe(read_failures)
    if "response_id" in without:
        return frame
    return frame.with_columns(pl.when(RESPONDS).then(_own_response_id()).alias("response_id"))


@cache
def _memo(_: AliasTable) -> Memo:
    """The memo of an alias table: it knows attributes by their number."""
    return Memo(_describe_shapes)


def _describe_shapes(decoded: Decoded) -> pl.DataFrame:
    told = tell(decoded)
    return to_frame(decoded).hstack(told).pipe(find_failures).pipe(_describe).select(*told.columns, *_DESCRIBED)


def _describe(frame: pl.DataFrame) -> pl.DataFrame:
    before, after = _steps(scopes_in(frame))
    for columns in before:
        frame = frame.with_columns(columns)
    frame = name_servers(frame)
    for columns in after:
        frame = frame.with_columns(columns)
    return frame


@lru_cache(maxsize=256)
def _steps(scopes: Scopes) -> tuple[tuple[tuple[pl.Expr, ...], ...], tuple[tuple[pl.Expr, ...], ...]]:
    """What one step after the other adds, before and after servers are named, by the rules of scopes that are there.

    It is kept, because to make it costs more than to use it.
    """
    there = tuple(role for role in roles() if role.scope in scopes)
    return (
        (
            (
                pl.coalesce(_named("request_model"), _named("other_model")).alias("request_model"),
                _named("response_model").alias("response_model"),
            ),
            (
                _first_role(there, lambda role: role.role, pl.String).alias("_role"),
                _first_role(there, lambda role: role.operation, pl.String).alias("role_operation"),
                _first_role(there, lambda role: role.otherwise.removeprefix(NAMED), pl.String).alias("role_otherwise"),
                _first_name(there, lambda role: role.otherwise == NAMED, _named_operation).alias("named_operation"),
                _first_role(there, lambda role: role.stream, pl.Boolean).alias("role_stream"),
                pl.col("finish_reason").str.extract(_LAST_WORD).str.to_lowercase().alias("finish_word"),
                *read_address(),
            ),
            (_operation().alias("operation"),),
            (
                pl.coalesce(pl.col("_role"), _role_of_operation()).alias("_role"),
                told_provider().alias("provider"),
                _request_model(there).alias("request_model"),
                closed("finish_reason", pl.col("finish_word")).alias("finish_reason"),
                _stream().alias("stream"),
            ),
            (_last_word().alias("finish_word"),),
            tuple(_bare(name).alias(name) for name in ("request_model", "response_model")),
        ),
        (
            (_is_model_call().alias("_model_call"), _is_genai().alias("_genai")),
            tuple(ruled(side, scopes).alias(name) for side, name in RULED.items()),
            (counts_whole(), ends_well(), finish_speaks(), _responds()),
        ),
    )


def _is_model_call() -> pl.Expr:
    calls = pl.col("operation").is_in(BILLABLE_OPERATIONS) & pl.col("_role").is_in(["call", "usage_record", "repeat"])
    return calls.fill_null(value=False)


def _is_genai() -> pl.Expr:
    return pl.col("operation").is_not_null() | (pl.col("_role") != "other")


def _first_role(there: Iterable[Role], read: Callable[[Role], str | bool], kind: type[pl.DataType]) -> pl.Expr:
    told = [pl.when(role_holds(role)).then(pl.lit(read(role))) for role in there if read(role)]
    return pl.coalesce(*told, pl.lit(None, kind))


def _first_name(there: Iterable[Role], about: Callable[[Role], bool], read: Callable[[Role], pl.Expr]) -> pl.Expr:
    told = [pl.when(_is_named(role)).then(read(role)) for role in there if about(role)]
    return pl.coalesce(*told, pl.lit(None, pl.String))


def role_holds(role: Role) -> pl.Expr:
    """Whether the rule is about this span: its scope, its name and kind, what a field says, that nothing else does."""
    holds = _is_named(role)
    if role.value == ANY:
        holds &= pl.col(role.field).is_not_null()
    elif role.value == NONE:
        holds &= pl.col(role.field).is_null()
    elif role.field:
        holds &= (pl.col(role.field) == role.value).fill_null(value=False)
    if role.otherwise:
        holds &= pl.col("operation").is_null() & pl.col("operation_kind").is_null()
    if role.otherwise == NAMED:
        holds &= _named_operation(role).is_not_null()
    return holds


def _is_named(role: Role) -> pl.Expr:
    """Whether a span of this scope and kind has this name."""
    holds = is_of_scope(role.scope)
    if role.name:
        holds &= pl.col("name").str.contains(role.pattern).fill_null(value=False)
    if role.kind:
        holds &= (pl.col("kind") == SPAN_KINDS[role.kind]).fill_null(value=False)
    return holds


def _named_operation(role: Role) -> pl.Expr:
    """The model call that the name tells; NULL where its word is that of a tool, an agent, or none."""
    said = closed("operation", pl.col("name").str.extract(role.pattern, cast("int", role.group("operation"))))
    return pl.when(said.is_in(BILLABLE_OPERATIONS)).then(said)


def _named_model(role: Role) -> pl.Expr:
    return pl.col("name").str.extract(role.pattern, cast("int", role.group("model")))


def _operation() -> pl.Expr:
    """Told, or seen: a model that nothing else explains was called, with tokens or in an instrumentation's client."""
    has_model = pl.col("request_model").is_not_null() | pl.col("response_model").is_not_null()
    unexplained = pl.col("_role").is_null() & pl.col("operation").is_null() & pl.col("operation_kind").is_null()
    return pl.coalesce(
        "role_operation",
        *_closed_or_member("operation"),
        *_closed_or_member("operation_kind"),
        pl.when(unexplained).then("named_operation"),
        pl.when(unexplained & has_model & (_HAS_TOKENS | _CLIENT_OF_A_MODEL)).then(_of_model()),
        pl.when(pl.col("task_outcome").is_not_null()).then(pl.lit("task")),
        "role_otherwise",
    )


def _of_model() -> pl.Expr:
    """What a model of this name is for, where the name says it; else to chat with."""
    model = pl.coalesce("request_model", "response_model").str.to_lowercase()
    known = words("model_operation").items()
    said = [pl.when(model.str.contains(pattern)).then(pl.lit(operation)) for pattern, operation in known]
    return pl.coalesce(*said, pl.lit("chat"))


def _closed_or_member(field: str) -> tuple[pl.Expr, pl.Expr]:
    return closed(field), closed(field, pl.col(field).str.extract(MEMBER))


def _role_of_operation() -> pl.Expr:
    return (
        pl.when(pl.col("operation").is_in(BILLABLE_OPERATIONS))
        .then(pl.lit("call"))
        .when(pl.col("operation").is_in(_AGGREGATES))
        .then(pl.lit("aggregate"))
        .otherwise(pl.lit("other"))
    )


def _request_model(there: Iterable[Role]) -> pl.Expr:
    """One name only, on a failed call, is the model that was asked for: none answered."""
    asked_only = pl.when("failed").then(pl.col("response_model"))
    named = pl.when(pl.col("operation").is_in(BILLABLE_OPERATIONS)).then(
        _first_name(there, lambda role: role.group("model") is not None, _named_model)
    )
    return pl.coalesce("request_model", pl.col("provider_model").str.extract(r"/(.+)$"), named, asked_only)


def _named(model: str) -> pl.Expr:
    """NULL where a word stands for no model."""
    none = pl.col(model).str.strip_chars().str.to_lowercase().is_in(list(words("model")))
    return pl.when(none.not_()).then(pl.col(model))


def _bare(model: str) -> pl.Expr:
    """``gemini/gemini-2.5-flash`` of Gemini is gemini-2.5-flash, where a scope writes models like that."""
    prefixed = (pl.col("models") == "prefixed") & (
        closed("provider", pl.col(model).str.extract(r"^([^/]+)/.")) == pl.col("provider")
    )
    return pl.when(prefixed).then(pl.col(model).str.extract(r"^[^/]+/(.+)$")).otherwise(pl.col(model))


def _stream() -> pl.Expr:
    """Told, or seen by its first chunk."""
    timed = pl.any_horizontal(pl.col("ttft", "other_ttft", "first_chunk_at").is_not_null())
    seen = timed | pl.col("stream_asked")
    return pl.coalesce("role_stream", "stream", pl.when(seen).then(pl.lit(value=True)))


def _last_word() -> pl.Expr:
    """Why it stopped, for the error class: a model that refused in words has stopped like one that answered."""
    ended = pl.col("finish_reason").is_null() | (pl.col("finish_reason") == "stop")
    return pl.when(pl.col("refused") & ended).then(pl.lit("refusal")).otherwise("finish_word")


def _responds() -> pl.Expr:
    responds = pl.col("_model_call") | pl.col("_role").is_in(("fetch", "repeat"))
    return responds.fill_null(value=False).alias(RESPONDS)


def _own_response_id() -> pl.Expr:
    """Not the client's own id, which litellm writes where the provider gave none."""
    return pl.when(pl.col("response_id").ne_missing(pl.col("call_id"))).then(pl.col("response_id"))
