"""What the reason for which an answer stopped says of safety."""

from __future__ import annotations

import polars as pl

from processors.normalise.words import closed

FINISH_SPEAKS = "_finish_speaks"
"""Column of shapes: whether why it stopped speaks of safety."""


def finish_speaks() -> pl.Expr:
    """Whether the provider's filter cut an answer, or its last word is that of a category."""
    told = ((pl.col("finish_reason") == "content_filter"), finished_category().is_not_null())
    return pl.any_horizontal(one.fill_null(value=False) for one in told).alias(FINISH_SPEAKS)


def finished_category() -> pl.Expr:
    """``RECITATION`` and kin say more than that the answer was filtered."""
    return closed("safety_finish", pl.col("finish_word"))
