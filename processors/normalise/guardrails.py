"""What was blocked, flagged or redacted, and why: from guardrail attributes, finish reasons and error classes."""

from __future__ import annotations

import polars as pl

from processors.normalise.words import closed, opened

_FILTERED = ("content_filter", "guardrail_blocked")


def note_safety(frame: pl.DataFrame) -> pl.DataFrame:
    """Replaces ``guardrail_action safety_category pii_detected injection_detected``; adds ``_safety_checked``."""
    return (
        frame.with_columns(
            closed("guardrail_action").alias("guardrail_action"),
            opened("safety_category").alias("safety_category"),
        )
        .with_columns(
            _or_seen("injection_detected", pl.col("safety_category") == "prompt_injection"),
            _or_seen("pii_detected", (pl.col("safety_category") == "pii") | (pl.col("masked_entities") > 0)),
        )
        .with_columns(_action().alias("guardrail_action"), _category().alias("safety_category"))
        .with_columns(_checked().alias("_safety_checked"))
    )


def _or_seen(column: str, seen: pl.Expr) -> pl.Expr:
    return pl.coalesce(column, pl.when(seen).then(pl.lit(value=True))).alias(column)


def _filtered() -> pl.Expr:
    return (pl.col("finish_reason") == "content_filter") | pl.col("error_class").is_in(_FILTERED)


def _action() -> pl.Expr:
    masked = pl.when(pl.col("masked_entities") > 0).then(pl.lit("redacted"))
    return pl.coalesce("guardrail_action", pl.when(_filtered()).then(pl.lit("blocked")), masked)


def _category() -> pl.Expr:
    return pl.coalesce(
        "safety_category",
        pl.when(pl.col("error_class") == "guardrail_blocked").then(pl.lit("guardrail")),
        pl.when(_filtered()).then(pl.lit("content_filter")),
        pl.when("injection_detected").then(pl.lit("prompt_injection")),
        pl.when("pii_detected").then(pl.lit("pii")),
    )


def _checked() -> pl.Expr:
    told = [pl.col(name).is_not_null() for name in ("guardrail_action", "safety_category", "pii_detected")]
    finished = pl.col("_model_call") & pl.col("finish_reason").is_not_null()
    is_guardrail = (pl.col("operation") == "guardrail").fill_null(value=False)
    return pl.any_horizontal(*told, pl.col("injection_detected").is_not_null(), finished, is_guardrail)
