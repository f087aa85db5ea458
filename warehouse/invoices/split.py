"""A row of the books by the disjoint kinds of tokens that bills have: counts, and costs before our markups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

Rate = Callable[[Mapping[str, Any], str], Fraction | None]
"""USD for one token of a kind, for a row with the names ``said_provider said_model tier day``; None = nobody knows."""

_PART_OF_COST = {
    "input_cost_usd": ("input", "audio_input"),
    "cached_cost_usd": ("cached_input",),
    "cache_write_cost_usd": ("cache_write", "cache_write_1h"),
    "output_cost_usd": ("output", "audio_output"),
}
"""Which kinds of tokens share a part of our costs."""


def before_markup(row: Mapping[str, Any], cost: Decimal) -> Fraction:
    """A cost of ours without what tenants are charged on top."""
    return Fraction(cost) / (1 + Fraction(row["markup_percent"]) / 100)


def split_tokens(row: Mapping[str, Any]) -> dict[str, int]:
    """Our nested counts as the disjoint kinds of bills."""
    written, hour = row["cache_write_tokens"], row["cache_write_1h_tokens"]
    cached, audio = row["cached_input_tokens"], row["audio_input_tokens"]
    return {
        "input": row["input_tokens"] - cached - written - audio,
        "cached_input": cached,
        "cache_write": written - hour,
        "cache_write_1h": hour,
        "output": row["output_tokens"] - row["audio_output_tokens"],
        "audio_input": audio,
        "audio_output": row["audio_output_tokens"],
    }


def split_costs(row: Mapping[str, Any], tokens: Mapping[str, int], rate: Rate) -> dict[str, Fraction]:
    """Costs by kind: a part that two kinds share is split by what they cost at the rates of the price book."""
    costs: dict[str, Fraction] = {}
    for name, kinds in _PART_OF_COST.items():
        whole, used = before_markup(row, row[name]), [kind for kind in kinds if tokens[kind]] or [kinds[0]]
        weights = {kind: tokens[kind] * (rate(row, kind) or 0) for kind in used} if len(used) > 1 else {}
        if sum(weights.values()) == 0:
            weights = {kind: Fraction(tokens[kind]) for kind in used}
        left, total = whole, sum(weights.values())
        for kind in used[:-1]:
            costs[kind] = Fraction(round(whole * weights[kind] / total * 10**12), 10**12)
            left -= costs[kind]
        costs[used[-1]] = left
    return costs
