"""One set of rates as integers: what each reported token count adds to each part of a cost.

Prices nest: a cached token is an input token at another rate, a one-hour cache write is a cache write. The most special
price wins, so every part of a cost is a sum of (reported count x whole number) over ``KINDS``, and the arithmetic needs
no cases. The rule is that of ``genai_prices.decompose.compute_leaf_values`` (genai-prices 0.2.3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from genai_prices.units import UnitDef, _get_registry

from warehouse.schemas import COST_KINDS, TOKEN_KINDS

PICODOLLARS_PER_USD = 10**12

USAGE_KEYS = dict(
    zip(
        TOKEN_KINDS,
        (
            "input_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "cache_write_1h_tokens",
            "output_tokens",
            "output_reasoning_tokens",
            "input_audio_tokens",
            "output_audio_tokens",
        ),
        strict=True,
    )
)
"""Our token columns under the names that genai-prices gives them."""

REQUESTS = "requests"
KINDS = (*USAGE_KEYS.values(), REQUESTS)
"""Columns of the matrices: the reported counts, then 1 for the call itself."""

WHOLES = ("input_tokens", "cache_write_tokens", "output_tokens")
"""Counts that contain others: what remains of them after their priced parts may not be negative."""

OVERLAPS = (
    ("cache_read_tokens", "input_audio_tokens"),
    ("cache_write_tokens", "input_audio_tokens"),
    ("output_reasoning_tokens", "output_audio_tokens"),
)
"""Counts that may share tokens. Where a price exists for the shared ones, both above zero leave the cost unknown."""

_ADD_ONS = ("requests", "tool_calls")  # families that may be absent: their count is then zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Rates of one provider, model, tier, epoch and context bracket.

    ``parts[p][k]``: 1/``scale`` picodollars that one of ``KINDS[k]`` adds to ``COST_KINDS[p]``.
    ``remains[w][k]``: what one of ``KINDS[k]`` takes from ``WHOLES[w]`` (which itself is +1).
    ``clashes[o]``: a price exists for tokens that are both of ``OVERLAPS[o]``.
    """

    parts: tuple[tuple[int, ...], ...]
    remains: tuple[tuple[int, ...], ...]
    clashes: tuple[bool, ...]
    scale: int
    free: bool  # every rate is zero
    by_tokens: bool  # False: priced by seconds, pages, characters …, which a token count cannot tell


def make_rates(usd_by_unit: Mapping[str, Fraction]) -> Rates:
    """Rates from USD per single unit, by the usage keys of genai-prices (``input_tokens``, ``requests`` …)."""
    units = {key: _get_registry().units[key] for key in usd_by_unit}
    leaves = _leaves(units)
    exact = [[Fraction(0)] * len(KINDS) for _ in COST_KINDS]
    for key, unit in units.items():
        row = exact[COST_KINDS.index(_part(unit))]
        for kind, times in enumerate(leaves[key]):
            row[kind] += usd_by_unit[key] * PICODOLLARS_PER_USD * times
    scale = math.lcm(*(value.denominator for row in exact for value in row))
    families = {unit.dimensions["family"] for unit in units.values()} - set(_ADD_ONS)
    return Rates(
        parts=tuple(tuple(int(value * scale) for value in row) for row in exact),
        remains=tuple(leaves.get(whole, (0,) * len(KINDS)) for whole in WHOLES),
        clashes=tuple(_joined(pair, units) for pair in OVERLAPS),
        scale=scale,
        free=not any(usd_by_unit.values()),
        by_tokens=not families or "tokens" in families,
    )


def usd_per_unit(price: Decimal, per: int) -> Fraction:
    """``price`` USD for ``per`` units, exactly."""
    return Fraction(price) / per


def _leaves(units: Mapping[str, UnitDef]) -> dict[str, tuple[int, ...]]:
    """Per priced unit, its own count less its priced parts, as coefficients over ``KINDS``."""
    leaves: dict[str, tuple[int, ...]] = {}
    for key, unit in sorted(units.items(), key=lambda item: (-len(item[1].dimensions), item[0])):
        own = [int(kind == key) for kind in KINDS]
        for other, leaf in leaves.items():
            if unit.dimensions.items() <= units[other].dimensions.items():
                own = [a - b for a, b in zip(own, leaf, strict=True)]
        leaves[key] = tuple(own)
    return leaves


def _part(unit: UnitDef) -> str:
    dimensions = unit.dimensions
    if dimensions["family"] != "tokens":
        return "other_cost_usd"
    if dimensions["direction"] == "output":
        return "output_cost_usd"
    by_type = {"cache_read": "cached_cost_usd", "cache_write": "cache_write_cost_usd"}
    return by_type.get(dimensions.get("token_type", ""), "input_cost_usd")


def _joined(pair: tuple[str, str], units: Mapping[str, UnitDef]) -> bool:
    registry = _get_registry()
    join = registry.find_join(registry.units[pair[0]], registry.units[pair[1]])
    return join is not None and join.usage_key in units
