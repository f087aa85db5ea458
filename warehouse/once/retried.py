"""Attempts that a client library tells as calls of their own: those that failed are no calls, the next one tries again.

One request of a client's stands above them: a model call (Pydantic AI's around those of the SDK), or what the same
instrumentation tells of a request of this model (``ai.generateText``). While it lasts, an attempt that failed and got
neither counts nor an id is followed by the next one of the same teller, at the same provider for the same model.
What is a call by words that any span may have is none: LiteLLM writes them over spans of the application.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.once.attempts import PASSING, put_attempts, rows_of
from warehouse.once.facts import is_word, known, one_piece
from warehouse.once.kernels import Bools
from warehouse.once.overwritten import WRITERS

_MAY_PASS = (*PASSING, "unknown")
"""Classes of what was sent and failed; what is refused for what it asks may never have left the process."""
_TICK = dt.timedelta(milliseconds=1)  # JavaScript tells in whole milliseconds when a span began
_DEEP = 8  # so many calls around each other
_ANY_SPAN = ("otel_genai", "otel_genai_deprecated", *WRITERS)
_TELLER = ("scope_name", "convention", "service")
_ASKED = (*_TELLER, "operation", "provider", "request_model")
_PLACE = ["ledger", "trace_id", "stamp"]
_NAMES = ("parent_span_id", *_ASKED, "started_at", "ended_at", "error_class", "attempt", "tenant", "tenant_rank")


def supersede(spans: pa.Table, is_call: Bools, ledger: str) -> pa.Table:
    """Spans of a flush or of the lake: ``suppressed_by`` of such attempts is the next one, which has ``attempt``.

    ``is_call``: (n,) which are model calls. What stands inside such an attempt has failed with it.
    """
    failed = is_call & is_word(spans["status"], "error") & known(spans["parent_span_id"])
    for name in ("input_tokens", "output_tokens", "response_id"):
        failed &= ~known(spans[name])
    if not failed.any():
        return spans
    above = one_piece(spans["parent_span_id"]).filter(pa.array(failed))
    told = _told(spans, is_call & _is_in(spans["parent_span_id"], above), failed, ledger)
    calls = told.unique([*_PLACE, "span_id"], keep="first", maintain_order=True)
    outer = _told(spans, _is_in(spans["span_id"], above), is_call, ledger)
    following = dict(_following(_below_requests(calls, outer)))
    if not following:
        return spans
    return _put(spans, told, calls, following)


def _told(spans: pa.Table, chosen: Bools, flag: Bools, ledger: str) -> pl.DataFrame:
    """These rows: ``row``, ``flag`` and what tells of an attempt; ``stamp``: no tenant silences another one."""
    rows = np.flatnonzero(chosen)
    told = rows_of(spans, rows, ledger, "trace_id", "span_id", *_NAMES).rename({ledger: "ledger"})
    stamp = pl.when(pl.col("tenant_rank") == 0).then("tenant").alias("stamp")
    return told.with_columns(stamp, pl.Series("row", rows), pl.Series("flag", flag[rows]))


def _below_requests(calls: pl.DataFrame, outer: pl.DataFrame) -> pl.DataFrame:
    """``calls`` that began while one request of a client's above them lasted, whose row is ``request``."""
    outer = outer.unique([*_PLACE, "span_id"], keep="first", maintain_order=True).rename({"row": "request"})
    left, right = ([*_PLACE, name] for name in ("parent_span_id", "span_id"))
    below = calls.join(outer, left_on=left, right_on=right, nulls_equal=True, suffix="_above")
    is_client = pl.col("flag_above") & ~pl.col("convention_above").is_in(_ANY_SPAN).fill_null(value=True)
    one_teller = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_above")) for name in _TELLER)
    one_model = pl.col("request_model") == pl.col("request_model_above")
    is_request = (one_teller & one_model & (pl.col("operation_above") == "task")).fill_null(value=False)
    return below.filter((is_client | is_request) & (pl.col("started_at") <= pl.col("ended_at_above")))


def _following(below: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """Rows of attempts that failed, each with the next one: the first to begin that follows no other one.

    Where each begins after the one before it has failed, that is the next one; attempts at once are looked through.
    """
    group = ["request", *_ASKED]
    later = below.sort("started_at", "span_id", "row").with_columns(
        pl.col("row").shift(-1).over(group).alias("next"), pl.col("started_at").shift(-1).over(group).alias("next_at")
    )
    waits = (pl.col("next_at") > pl.col("started_at")) & (pl.col("next_at") >= pl.col("ended_at") - _TICK)
    in_turn = (~pl.col("flag") | waits.fill_null(value=True)).all().over(group)
    yield from later.filter(in_turn, pl.col("flag"), pl.col("next").is_not_null()).select("row", "next").rows()
    for _, attempts in later.filter(~in_turn).group_by(group, maintain_order=True):
        begun = attempts.select("started_at", "row").rows()
        for failed_at, began_at, row in (
            attempts.filter("flag").sort("ended_at").select("ended_at", "started_at", "row").rows()
        ):
            following = next((n for n, (at, _) in enumerate(begun) if at > began_at and at >= failed_at - _TICK), None)
            if following is not None:
                yield row, begun.pop(following)[1]


def _put(spans: pa.Table, told: pl.DataFrame, calls: pl.DataFrame, following: Mapping[int, int]) -> pa.Table:
    """``told``: calls by all of their records; ``calls``: by one of each, whose rows ``following`` names."""
    span_ids = dict(calls.select("row", "span_id").rows())
    attempts = _count(calls, following)
    noted = calls.select(
        *_PLACE,
        "span_id",
        pl.Series("next", [span_ids.get(one) for one in _with_inner(calls, following)], pl.Binary),
        pl.Series("times", [attempts.get(row) for row in calls["row"]], pl.Int32),
    )
    noted = told.select(*_PLACE, "span_id", "row").join(noted, on=[*_PLACE, "span_id"], nulls_equal=True)
    named = np.full(spans.num_rows, None, object)
    named[noted["row"].to_numpy()] = noted["next"].to_numpy()
    field = spans.field("suppressed_by")
    column = pc.coalesce(spans["suppressed_by"], pa.array(named, pa.binary()).cast(field.type))
    spans = spans.set_column(spans.schema.get_field_index("suppressed_by"), field, column)
    return put_attempts(spans, noted.filter(pl.col("times") > 1))


def _count(calls: pl.DataFrame, following: Mapping[int, int]) -> dict[int, int]:
    """Which attempt each one is that follows others."""
    told = {row: (attempt or 1, word) for row, attempt, word in calls.select("row", "attempt", "error_class").rows()}
    counted: dict[int, int] = {}
    for row in calls.sort("started_at", "span_id", "row")["row"]:
        if row in following:
            attempt, error_class = told[row]
            was_sent = error_class is None or error_class in _MAY_PASS
            counted[following[row]] = max(attempt, counted.get(row, 1)) + was_sent
    return counted


def _with_inner(calls: pl.DataFrame, following: Mapping[int, int]) -> Iterator[int | None]:
    """Of each call the row of the attempt that follows it, or the one around it that failed with it."""
    keys = calls.select("row", *_PLACE, "span_id").rows()
    rows = {tuple(key): row for row, *key in keys}
    parents = {
        row: rows.get(tuple(key)) for row, *key in calls.filter("flag").select("row", *_PLACE, "parent_span_id").rows()
    }
    for row in calls["row"]:
        at: int | None = row
        for _ in range(_DEEP):
            if at is None or at in following:
                break
            at = parents.get(at)
        yield None if at is None else following.get(at)


def _is_in(column: pa.ChunkedArray, ids: pa.Array) -> Bools:
    return np.asarray(
        pc.fill_null(pc.is_in(one_piece(column), ids.cast(column.type)), False).to_numpy(zero_copy_only=False)
    )
