"""The processing tier of a call, where its speed or only the names of its token counts tell it.

Anthropic tells of its fast mode beside the tier (``service_tier`` = ``standard``, ``speed`` = ``fast``).
LangChain names what a tier other than the standard one used after it (``input_flex``, ``output_priority_reasoning``),
and Langfuse's handler passes that on; in OpenInference's spans it stands in the answer, of a stream nowhere else. It is
what was served, and goes before what was asked for.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.once.facts import one_piece
from warehouse.tiers import ENUM

TIERS = {"flex_tokens": "flex", "priority_tokens": "priority"}
"""Count -> the tier whose name its keys have."""
FAST = "fast"
"""The speed that is a tier."""


def served_tiers(spans: pa.Table) -> pa.Array:
    """(n,) the column ``service_tier`` of decoded spans; a text or a dictionary column, as it came."""
    tier = one_piece(spans["service_tier"])
    if spans["served_speed"].null_count < len(spans):
        is_fast = pc.fill_null(pc.equal(one_piece(spans["served_speed"]).cast(pa.string()), FAST), False)
        tier = pc.if_else(is_fast, pa.scalar(FAST), tier.cast(pa.string()))
    for name, word in TIERS.items():
        if spans[name].null_count < len(spans):
            used = one_piece(pc.fill_null(pc.greater(spans[name], 0), False))
            tier = pc.if_else(used, pa.scalar(word), tier.cast(pa.string()))
    return tier


def tier_words(told: pl.Series) -> pl.Series:
    """Tiers without what ``warehouse.tiers.tier_word`` takes off them: ``SERVICE_TIER_FLEX`` is flex."""
    return told.to_frame("tier").select(_TIER).to_series().alias(told.name)


_TIER = pl.col("tier").str.strip_chars().str.to_lowercase().str.replace(f"^{ENUM}", "")
