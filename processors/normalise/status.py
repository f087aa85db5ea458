"""Did it work: status, error class, HTTP status."""

from __future__ import annotations

from functools import cache

import polars as pl

from processors import errors
from processors.normalise.distinct import Answers
from processors.normalise.frame import step_where, told_in
from processors.normalise.words import opened

_OK, _ERROR = 1, 2
_FIRST_HTTP_ERROR = 400
_TEXT_OPERATIONS = ("chat", "text_completion")
_GRPC_NAME = r"^\s*(?:\w+(?:\.|::))*(?:GRPC_STATUS_|STATUS_CODE_)?(\w+)\s*$"
"""``UNAVAILABLE`` as enums of many languages write it: ``StatusCode.UNAVAILABLE``, ``GRPC_STATUS_UNAVAILABLE``."""
ENDS_WELL = "_ends_well"
"""Column of shapes: see ``ends_well``."""
_EVIDENCE = ("error_code", "error_type", "safety_verdicts")
"""What no shape tells of how a span ended."""
JUDGED = ("http_status", "finish_word", "_failure", "error_class", "status", "response_model")
"""Columns that ``judge`` adds or replaces."""
_OWN_CLASSES = {"execute_tool": "tool_error", "retrieval": "retrieval_error"}


def find_failures(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds ``failed`` (bool)."""
    told = pl.any_horizontal(
        pl.col("error_type").is_not_null(),
        (pl.col("http_status") >= _FIRST_HTTP_ERROR).fill_null(value=False),
        (pl.col("error_level") == "ERROR").fill_null(value=False),
    )
    failed = (pl.col("status_code") == _ERROR) | ((pl.col("status_code") != _OK) & told)
    return frame.with_columns(failed.alias("failed"))


def read_failures(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds ``error_text``, which is read for classes only, and replaces ``grpc_status``."""
    if not frame["failed"].any():
        return frame.with_columns(pl.lit(None, pl.String).alias("error_text"))
    text = pl.concat_str("error_message", "status_message", separator="\n", ignore_nulls=True)
    text = errors.without_input(text)
    return frame.with_columns(pl.when("failed").then(text).alias("error_text"), _grpc_status().alias("grpc_status"))


def _grpc_status() -> pl.Expr:
    """A number or a name (also ``DeadlineExceeded``) as Google's code in lower case."""
    name = pl.col("grpc_status").str.extract(_GRPC_NAME).str.replace_all(r"([a-z])([A-Z])", "${1}_${2}")
    return opened("grpc_status", name)


def ends_well() -> pl.Expr:
    """Of a shape: whether nothing that ``judge`` reads in words speaks of an end that is not ``ok``."""
    badly = (
        pl.col("failed"),
        pl.col("_model_call") & errors.finish_class().is_not_null(),
        _ended_in_error(),
        _left_open(),
    )
    return ~pl.any_horizontal(one.fill_null(value=True) for one in badly).alias(ENDS_WELL)


def judge(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds ``status error_class``, replaces ``http_status finish_word``; needs settled usage.

    A response model that only repeats the request model of a failed call is no evidence of a response: NULL.
    """
    odd = ~frame[ENDS_WELL].to_numpy()
    for name in told_in(frame, _EVIDENCE):
        odd |= frame[name].is_not_null().to_numpy()
    return step_where(odd, frame, judge_all, JUDGED, lambda rows: rows.with_columns(_judged_well()))


@cache
def _judged_well() -> list[pl.Expr]:
    return [
        errors.told_status().alias("http_status"),
        pl.lit("ok").alias("status"),
        *(pl.lit(None, pl.String).alias(name) for name in ("error_class", "_failure")),
    ]


def judge_all(frame: pl.DataFrame) -> pl.DataFrame:
    """As ``judge``, with a look at everything in every row."""
    copied = pl.col("failed") & pl.col("response_model").eq_missing(pl.col("request_model"))
    return (
        frame.with_columns(errors.http_status().alias("http_status"), _ended_by().alias("finish_word"))
        .pipe(_classify)
        .with_columns(_error_class().alias("error_class"))
        .with_columns(
            _status().alias("status"),
            pl.when(~copied).then(pl.col("response_model")).alias("response_model"),
        )
    )


def _ended_by() -> pl.Expr:
    """Why it stopped; a call that tells no reason, and that the provider's filter blocked, has ended by that."""
    blocked = pl.col("safety_verdicts").str.contains(r"=blocked\b") & pl.col("finish_reason").is_null()
    return pl.when(blocked & pl.col("_model_call")).then(pl.lit("content_filter")).otherwise("finish_word")


def _classify(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds ``_failure``, the class of a failed call; only their texts are searched."""
    if not frame["failed"].any():
        return frame.with_columns(pl.lit(None, pl.String).alias("_failure"))
    failed = frame.filter("failed")
    classes = failed.select("_row").hstack(_classes.ask(failed))
    return frame.join(classes, on="_row", how="left", maintain_order="left")


def _failures(failed: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame([errors.error_class(failed).alias("_failure")])


_classes = Answers(errors.READ, _failures)


def _error_class() -> pl.Expr:
    of_operation = pl.col("operation").replace_strict(_OWN_CLASSES, default=None, return_dtype=pl.String)
    return (
        pl.when("failed")
        .then(pl.coalesce(of_operation, "_failure"))
        .when(_abandoned())
        .then(pl.lit("cancelled"))
        .when(_ended_in_error())
        .then(pl.coalesce(errors.finish_class(), pl.lit("unknown")))
        .when("_model_call")
        .then(errors.finish_class())
    )


def _status() -> pl.Expr:
    return (
        pl.when(pl.col("error_class") == "cancelled")
        .then(pl.lit("cancelled"))
        .when(pl.col("failed") | _ended_in_error())
        .then(pl.lit("error"))
        .otherwise(pl.lit("ok"))
    )


def _ended_in_error() -> pl.Expr:
    return (pl.col("_model_call") & (pl.col("finish_reason") == "error")).fill_null(value=False)


def _abandoned() -> pl.Expr:
    """A stream that shows neither finish reason nor output, where the span would show them, or any call that would.

    Clients write the word ``error`` then; other words are the model's own: it ended.
    """
    return _left_open() & pl.col("output_tokens").is_null()


def _left_open() -> pl.Expr:
    ends_here = (pl.col("stream_ends").fill_null("here") != "elsewhere") | (pl.col("_role") == "usage_record")
    would_end = pl.col("stream").fill_null(value=False) | (pl.col("stream_ends") == "always").fill_null(value=False)
    open_ended = would_end & pl.col("finish_word").is_null()
    is_text = pl.col("_model_call") & pl.col("operation").is_in(_TEXT_OPERATIONS)
    return is_text & ends_here & (open_ended | (pl.col("finish_word") == "error").fill_null(value=False))
