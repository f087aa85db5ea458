"""The rates of the ``genai-prices`` package, as tariffs over time and context.

The package picks a price by provider, model, instant and request context. It ignores a context that it does not know
and answers with the standard price; here such a call has no price instead (a batch call at list price is a 2x error).
The choice itself is always the package's own (``ModelInfo.get_prices``), asked once per cell of a tariff.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from importlib.metadata import version

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.units import _get_registry

from processors.pricing.rates import Rates, make_rates, usd_per_unit

CATALOGUE_VERSION = f"genai-prices/{version('genai-prices')}"

STANDARD_TIERS = frozenset({"", "default", "standard", "standard_only", "auto", "on_demand", "ondemand"})
"""Names under which providers report that no special tier was used."""

PROVIDER_IDS = {
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
}
"""Provider names of the conventions where genai-prices would find another provider or none."""

_TIER_KEYS = ("processing", "service_tier", "speed")  # request contexts that a service tier may name
_MIDNIGHT = dt.time(tzinfo=dt.UTC)
_FIRST_DAY = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Rates by epoch, time of day and size of the context.

    ``rates[e][t][c]``: e = number of ``epoch_days`` (days since 1970-01-01 UTC, ascending) that have begun, t = number
    of ``day_micros`` (UTC microseconds since midnight, ascending) that have passed, c = number of ``context_tokens``
    that the input exceeds. None = no price is known there.
    """

    epoch_days: tuple[int, ...] = ()
    day_micros: tuple[int, ...] = ()
    context_tokens: tuple[int, ...] = ()
    rates: tuple[tuple[tuple[Rates | None, ...], ...], ...]


def flat(rates: Rates) -> Tariff:
    """One set of rates at all times and sizes."""
    return Tariff(rates=(((rates,),),))


def find_tariff(provider: str | None, model: str, tier: str | None) -> Tariff | None:
    """Tariff of the package for this call; None where provider or model are unknown to it.

    Without a provider the model's name decides. ``tier`` is the service tier as reported.
    """
    name = PROVIDER_IDS.get(provider.lower(), provider) if provider else None
    try:
        found = get_snapshot().find_provider_model(model, None, name, None)
    except LookupError:
        return None
    return _tariff(*found, (tier or "").strip().lower())


def _tariff(provider: Provider, info: ModelInfo, tier: str) -> Tariff:
    own = any(info is model for model in provider.models)  # a borrowed model knows no contexts
    variants = _variants(info, tier) if own else []
    constraints = [price.constraint for price in _conditional(info)] + [variant.constraint for variant in variants]
    days = sorted({c.start_date for c in constraints if isinstance(c, StartDateConstraint)})
    times = sorted({t for c in constraints if isinstance(c, TimeOfDateConstraint) for t in _utc(c)})
    instants = [[dt.datetime.combine(day, time) for time in (_MIDNIGHT, *times)] for day in (_FIRST_DAY, *days)]
    prices = [[_prices_at(info, tier, variants, instant) for instant in row] for row in instants]
    sizes = _context_sizes([price for row in prices for price in row if price is not None])
    return Tariff(
        epoch_days=tuple((day - _FIRST_DAY).days for day in days),
        day_micros=tuple(_micros(time) for time in times),
        context_tokens=sizes,
        rates=tuple(tuple(_brackets(price, sizes) for price in row) for row in prices),
    )


def _conditional(info: ModelInfo) -> Sequence[ConditionalPrice]:
    return [ConditionalPrice(prices=info.prices)] if isinstance(info.prices, ModelPrice) else info.prices


def _variants(info: ModelInfo, tier: str) -> list[PriceVariant]:
    return [v for v in info.price_variants or () if any(v.when.get(key) == tier for key in _TIER_KEYS)]


def _prices_at(info: ModelInfo, tier: str, variants: Sequence[PriceVariant], instant: dt.datetime) -> ModelPrice | None:
    if tier in STANDARD_TIERS:
        return info.get_prices(instant)
    if any(v.constraint is None or v.constraint.active(instant) for v in variants):
        return info.get_prices(instant, dict.fromkeys(_TIER_KEYS, tier))
    return None


def _utc(constraint: TimeOfDateConstraint) -> list[dt.time]:
    times = (constraint.start_time, constraint.end_time)
    moments = [dt.datetime.combine(_FIRST_DAY, time, time.tzinfo or dt.UTC) for time in times]
    return [moment.astimezone(dt.UTC).timetz() for moment in moments]


def _micros(time: dt.time) -> int:
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 1_000_000 + time.microsecond


def _context_sizes(prices: Sequence[ModelPrice]) -> tuple[int, ...]:
    return tuple(
        sorted(
            {
                tier.start
                for price in prices
                for value in vars(price).values()
                if isinstance(value, TieredPrices)
                for tier in value.tiers
            }
        )
    )


def _brackets(price: ModelPrice | None, sizes: tuple[int, ...]) -> tuple[Rates | None, ...]:
    if price is None:
        return (None,) * (1 + len(sizes))
    return tuple(make_rates(_usd_by_unit(vars(price), above)) for above in (-1, *sizes))


def _usd_by_unit(prices: Mapping[str, Decimal | TieredPrices | None], above: int) -> dict[str, Fraction]:
    units = {key: _get_registry().unit_for_price_key(key) for key, value in prices.items() if value is not None}
    return {
        unit.usage_key: usd_per_unit(_at(prices[key], above), unit.per)  # type: ignore[arg-type]
        for key, unit in units.items()
    }


def _at(price: Decimal | TieredPrices, above: int) -> Decimal:
    """The price of a call whose input is larger than ``above`` and not larger than the next size."""
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= above]
    return reached[-1] if reached else price.base
