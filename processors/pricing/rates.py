"""One set of rates as integers: what each reported count adds to each part of a cost.

Prices nest: a cached token is an input token at another rate, a one-hour cache write is a cache write. The most special
price wins, so every part of a cost is a sum of (reported count x whole number) over ``KINDS``, and the arithmetic needs
no cases. The rule is that of ``genai_prices.decompose.compute_leaf_values`` (genai-prices 0.2.3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cache

from genai_prices.units import UnitDef, _get_registry

from processors.pricing.amounts import TOKENS_PER_PRICE, Price
from processors.pricing.kinds import INDEX, KINDS, UNITS, USAGE_KEYS
from warehouse.schemas import COST_KINDS

PICODOLLARS_PER_USD = 10**12

LISTED_FREE = ", listed as free"
"""How the source of rates ends that are all zero, or none at all, in the price list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A discount (negative ``percent``) or a markup on everything, and the entry it comes from."""

    kind: str
    percent: Decimal
    source: str

    def factor(self) -> Fraction:
        """What prices are multiplied with."""
        return 1 + Fraction(self.percent) / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Rates of one provider, model, tier, epoch and context bracket.

    ``prices``: by kind, before ``adjustments``, which are applied one after another; ``source``: where they stand.
    ``leaves[kind][k]``: how often one of ``KINDS[k]`` counts among what is billed as ``kind``: its own, less its parts.
    ``parts[p][k]``: 1/``scale`` picodollars that one of ``KINDS[k]`` adds to ``COST_KINDS[p]``.
    ``remains``: sums of counts (coefficients over ``KINDS``) that may not be negative.
    ``covered``: sums of counts that must be zero, because nothing prices what would be left.
    ``joins``: ``(one, other, both)``, columns of ``KINDS``: where both of the first two are above zero, ``both`` has a
    price of its own and must be reported.
    ``least``: smallest amount billed, by column, of what is above zero.
    ``families``: what the model is priced by, each with its columns.
    ``basis``: what ``price_version`` says beside the tables where these are not simply the rates of what was told.
    ``by_gpu``: the book says that the call is paid for through the GPU it runs on; there are no ``prices``.
    """

    prices: Mapping[str, Price]
    adjustments: tuple[Adjustment, ...] = ()
    source: str = ""
    least: tuple[tuple[int, int], ...] = ()
    leaves: Mapping[str, tuple[int, ...]]
    parts: tuple[tuple[int, ...], ...]
    remains: tuple[tuple[int, ...], ...]
    covered: tuple[tuple[int, ...], ...]
    joins: tuple[tuple[int, int, int], ...]
    scale: int
    free: bool  # every rate is zero
    families: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    basis: str = ""
    by_gpu: bool = False


def make_rates(
    prices: Mapping[str, Price],
    *,
    adjustments: tuple[Adjustment, ...] = (),
    source: str = "",
    least: Mapping[str, int] | None = None,
    basis: str = "",
    by_gpu: bool = False,
) -> Rates:
    """Rates from prices by kind."""
    units = {kind: UNITS[kind] for kind in prices}
    leaves = _leaves(units)
    factor = math.prod((one.factor() for one in adjustments), start=Fraction(1))
    exact = [[Fraction(0)] * len(KINDS) for _ in COST_KINDS]
    for kind, unit in units.items():
        picodollars = prices[kind].of_one() * factor * PICODOLLARS_PER_USD
        row = exact[COST_KINDS.index(cost_part(unit))]
        for column, times in enumerate(leaves[kind]):
            row[column] += picodollars * times
    scale = math.lcm(*(value.denominator for row in exact for value in row))
    return Rates(
        prices=prices,
        adjustments=adjustments,
        source=source,
        least=tuple((INDEX[kind], amount) for kind, amount in (least or {}).items()),
        leaves=leaves,
        parts=tuple(tuple(int(value * scale) for value in row) for row in exact),
        remains=tuple(leaf for leaf in leaves.values() if min(leaf) < 0),
        covered=_covered(units),
        joins=tuple(join for kind, unit in units.items() for join in _joins(kind, unit)),
        scale=scale,
        free=not any(price.usd for price in prices.values()) or not factor,
        families=_families(units),
        basis=basis,
        by_gpu=by_gpu,
    )


def as_shown(rates: Rates) -> Rates:
    """Rates as people read them: the price list gives none for a model that is free, where each token costs zero."""
    if rates.prices or rates.by_gpu:
        return rates
    return replace(_no_charge(), adjustments=rates.adjustments, source=rates.source)


@cache
def _no_charge() -> Rates:
    return make_rates(dict.fromkeys(("input_tokens", "output_tokens"), Price(usd=Decimal(0), per=TOKENS_PER_PRICE)))


def cost_part(unit: UnitDef) -> str:
    """The cost column that a kind belongs to."""
    dimensions = unit.dimensions
    if dimensions["family"] != "tokens":
        return "other_cost_usd"
    if dimensions["direction"] == "output":
        return "output_cost_usd"
    by_type = {"cache_read": "cached_cost_usd", "cache_write": "cache_write_cost_usd"}
    return by_type.get(dimensions.get("token_type", ""), "input_cost_usd")


def _leaves(units: Mapping[str, UnitDef]) -> dict[str, tuple[int, ...]]:
    """Per priced kind, its own count less its priced parts, as coefficients over ``KINDS``."""
    leaves: dict[str, tuple[int, ...]] = {}
    for kind, unit in sorted(units.items(), key=lambda item: (-len(item[1].dimensions), item[0])):
        own = [int(each == kind) for each in KINDS]
        for other, leaf in leaves.items():
            if unit.dimensions.items() <= units[other].dimensions.items():
                own = [a - b for a, b in zip(own, leaf, strict=True)]
        leaves[kind] = tuple(own)
    return leaves


def _covered(units: Mapping[str, UnitDef]) -> tuple[tuple[int, ...], ...]:
    """Input or output whose parts have prices while the whole has none: all of it must be those parts."""
    found = []
    for whole in ("input_tokens", "output_tokens"):
        dimensions = UNITS[whole].dimensions.items()
        if whole not in units and any(dimensions <= unit.dimensions.items() for unit in units.values()):
            found.append(_leaves({**units, whole: UNITS[whole]})[whole])
    return tuple(found)


def _joins(kind: str, unit: UnitDef) -> list[tuple[int, int, int]]:
    """Pairs of kinds whose common part is this priced kind."""
    registry = _get_registry()
    broader = [other for other in UNITS.values() if other.dimensions.items() < unit.dimensions.items()]
    return [
        (INDEX[one.usage_key], INDEX[other.usage_key], INDEX[kind])
        for place, one in enumerate(broader)
        for other in broader[place + 1 :]
        if registry.find_join(one, other) is unit and not _nested(one, other) and not _nested(other, one)
    ]


def _nested(whole: UnitDef, part: UnitDef) -> bool:
    return whole.dimensions.items() <= part.dimensions.items()


def _families(units: Mapping[str, UnitDef]) -> dict[str, tuple[int, ...]]:
    """Columns that tell the usage of each priced family: of tokens the two wholes, else the priced kinds."""
    families: dict[str, tuple[int, ...]] = {}
    for kind, unit in units.items():
        family = unit.dimensions["family"]
        families[family] = (*families.get(family, ()), INDEX[kind])
    if "tokens" in families:
        families["tokens"] = (INDEX[USAGE_KEYS["input_tokens"]], INDEX[USAGE_KEYS["output_tokens"]])
    return families
