"""Words on the wire to canonical words, by ``conventions/values.csv``."""

from __future__ import annotations

import polars as pl

from processors.conventions.rules import words

MEMBER = r"^\s*(?:\w+\.)*[A-Z]\w*\.([A-Z][A-Z0-9_]*)\s*$"
"""``GenAiOperationNameValues.CHAT``: what Python writes of an enum that was never asked for its value."""


def closed(field: str, word: pl.Expr | None = None) -> pl.Expr:
    """The canonical word of a field (of its own column, or another expression); a word not listed is none."""
    known = words(field)
    return _lower(field, word).replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.String)


def opened(field: str, word: pl.Expr | None = None) -> pl.Expr:
    """Likewise; but a word not listed stays, in lower case."""
    known = words(field)
    lower = _lower(field, word)
    return lower.replace_strict(list(known), list(known.values()), default=lower, return_dtype=pl.String)


def _lower(field: str, word: pl.Expr | None) -> pl.Expr:
    return (pl.col(field) if word is None else word).str.strip_chars().str.to_lowercase()
