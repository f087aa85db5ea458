"""The rates of the ``genai-prices`` package, as tariffs over time and context.

The package picks a price by provider, model, instant and request context. It ignores a context that it does not know
and answers with the standard price; here such a call has no price instead (a batch call at list price is a 2x error).
The choice itself is always the package's own (``ModelInfo.get_prices``), asked once per cell of a tariff.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from importlib.metadata import version

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ConditionalPrice,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)
from genai_prices.units import _get_registry

from processors.pricing.amounts import Price
from processors.pricing.names import candidates, is_unknown, makers, provider_id
from processors.pricing.rates import LISTED_FREE, Rates, make_rates
from warehouse.tiers import STANDARD, plain_tier, tier_word

CATALOGUE_VERSION = f"genai-prices/{version('genai-prices')}"

BY_NAME = "+model_name"
"""How ``price_version`` ends on a row without a provider whose model only one maker of ``makers.csv`` has."""

_TIER_KEYS = ("processing", "service_tier", "speed")  # request contexts that a service tier may name
_MIDNIGHT = dt.time(tzinfo=dt.UTC)
_FIRST_DAY = dt.date(1970, 1, 1)
_DAY_US = 86_400_000_000


_GROQ_SECONDS = {"audio_seconds": 10, "input_audio_seconds": 10}
LEAST = {("groq", "whisper-large-v3"): _GROQ_SECONDS, ("groq", "whisper-large-v3-turbo"): _GROQ_SECONDS}
"""Smallest amounts that are billed; genai-prices has them in ``ModelInfo.calc_price``, not in its data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """Rates by epoch, time of day and size of the context.

    ``rates[e][t][c]``: e = number of ``epochs_us`` (UTC microseconds since 1970, ascending) that have begun, t = number
    of ``day_micros`` (UTC microseconds since midnight, ascending) that have passed, c = number of ``context_tokens``
    that the input exceeds. None = no price is known there.
    """

    epochs_us: tuple[int, ...] = ()
    day_micros: tuple[int, ...] = ()
    context_tokens: tuple[int, ...] = ()
    rates: tuple[tuple[tuple[Rates | None, ...], ...], ...]

    def cells(self) -> list[Rates | None]:
        """All rates, in the order of their index."""
        return [rate for times in self.rates for brackets in times for rate in brackets]

    def at(self, epoch_us: int | None, day_us: int, above: int) -> Rates | None:
        """Rates from an instant on (None = before all epochs), from a time of day on, above a size (-1 = any)."""
        epoch = 0 if epoch_us is None else bisect_right(self.epochs_us, epoch_us)
        return self.rates[epoch][bisect_right(self.day_micros, day_us)][bisect_right(self.context_tokens, above)]

    def marked(self, said: str, basis: str) -> Tariff:
        """The same rates, which say on what they rest: ``said`` in their source, ``basis`` in ``price_version``."""

        def mark(rates: Rates | None) -> Rates | None:
            return replace(rates, source=rates.source + said, basis=rates.basis + basis) if rates else None

        cells = tuple(tuple(tuple(map(mark, brackets)) for brackets in times) for times in self.rates)
        return replace(self, rates=cells)

    def standing(self, epoch_us: int) -> Tariff:
        """At all times as from an instant on; times of day and sizes stay."""
        return replace(self, epochs_us=(), rates=(self.rates[bisect_right(self.epochs_us, epoch_us)],))


def find_tariff(provider: str | None, model: str, tier: str | None) -> Tariff | None:
    """Tariff of the package for this call; None where provider or model are unknown to it.

    Without a provider the model's name decides. ``tier`` is the service tier as reported.
    """
    word = tier_word(tier)
    found = _find_listed(provider, model)
    if found is not None:
        return _tariff(*found, word)
    found = _find_made(provider, model)
    return (
        _tariff(*found, word).marked(f", as {found[0].id} alone makes a model of this name", BY_NAME) if found else None
    )


def find_model(provider: str | None, model: str) -> tuple[Provider, ModelInfo] | None:
    """The package's entry for the names of a call, by the rules of ``processors.pricing.names``."""
    return _find_listed(provider, model) or _find_made(provider, model)


def _find_listed(provider: str | None, model: str) -> tuple[Provider, ModelInfo] | None:
    """The model as it is named; else the one that its provider lists under a maker, whom Traceloop drops."""
    found = _find_named(provider, model)
    if found is not None:
        return found
    server = next((one for one in get_snapshot().providers if one.id == provider_id(provider)), None)
    made = _of_makers(server.id).get(model.strip().lower(), []) if server else []
    return (server, made[0]) if server and len(made) == 1 else None


@cache
def _of_makers(provider: str) -> Mapping[str, list[ModelInfo]]:
    """Models that a provider names ``maker/model``, by the second part of their names."""
    found: dict[str, list[ModelInfo]] = {}
    for info in next(one for one in get_snapshot().providers if one.id == provider).models:
        names = {info.id.lower(), *_exact_names(info.match)}
        for last in {name.partition("/")[2] for name in names if name.count("/") == 1}:
            found.setdefault(last, []).append(info)
    return found


def _find_made(provider: str | None, model: str) -> tuple[Provider, ModelInfo] | None:
    """Where no provider is named, the model of this very name of the only maker that has one."""
    if provider_id(provider) not in (None, "litellm"):
        return None
    name = model.strip().lower()
    made = [found for found in (_find_product(maker, name) for maker in makers()) if found is not None]
    return made[0] if len(made) == 1 else None


def _find_product(maker: str, name: str) -> tuple[Provider, ModelInfo] | None:
    """A maker's own model of this name. A word without a number may be anybody's name for anything."""
    if not any(character.isdigit() for character in name):
        return None
    provider = next((one for one in get_snapshot().providers if one.id == maker), None)
    models = provider.models if provider else []
    info = next((one for one in models if name in _exact_names(one.match)), None)
    return (provider, info) if provider and info else None


def _exact_names(match: MatchLogic) -> set[str]:
    """Names that a model has letter by letter, not those that only begin with or contain something."""
    if isinstance(match, ClauseEquals):
        return {match.equals.lower()}
    each = match.or_ if isinstance(match, ClauseOr) else ()
    return {name for one in each for name in _exact_names(one)}


def _find_named(provider: str | None, model: str) -> tuple[Provider, ModelInfo] | None:
    for name, asked in candidates(provider_id(provider), model):
        if name is not None and is_unknown(name):
            continue  # the package would look for the model at others
        try:
            return get_snapshot().find_provider_model(asked, None, name, None)
        except LookupError:
            continue
    return None


def _tariff(provider: Provider, info: ModelInfo, tier: str) -> Tariff:
    own = any(info is model for model in provider.models)  # a borrowed model knows no contexts
    variants = _variants(info, tier) if own else []
    constraints = [price.constraint for price in _conditional(info)] + [variant.constraint for variant in variants]
    days = sorted({c.start_date for c in constraints if isinstance(c, StartDateConstraint)})
    times = sorted({t for c in constraints if isinstance(c, TimeOfDateConstraint) for t in _utc(c)})
    instants = [[dt.datetime.combine(day, time) for time in (_MIDNIGHT, *times)] for day in (_FIRST_DAY, *days)]
    prices = [[_prices_at(info, tier, variants, instant) for instant in row] for row in instants]
    sizes = _context_sizes([price for row in prices for price in row if price is not None])
    name = f"{CATALOGUE_VERSION} {provider.id}/{info.id}" + (f", {tier}" if variants else "")
    least = LEAST.get((provider.id, info.id), {})
    return Tariff(
        epochs_us=tuple((day - _FIRST_DAY).days * _DAY_US for day in days),
        day_micros=tuple(_micros(time) for time in times),
        context_tokens=sizes,
        rates=tuple(
            tuple(
                _brackets(price, sizes, name + _when(instant, timed=bool(times)), least)
                for price, instant in zip(*row, strict=True)
            )
            for row in zip(prices, instants, strict=True)
        ),
    )


def _when(instant: dt.datetime, *, timed: bool) -> str:
    """What to say of the cell that begins then."""
    day = f", from {instant:%Y-%m-%d}" if instant.date() != _FIRST_DAY else ""
    return day + (f", from {instant:%H:%M} UTC" if timed else "")


def _conditional(info: ModelInfo) -> Sequence[ConditionalPrice]:
    return [ConditionalPrice(prices=info.prices)] if isinstance(info.prices, ModelPrice) else info.prices


def _variants(info: ModelInfo, tier: str) -> list[PriceVariant]:
    """Variants that the tier alone selects."""
    return [
        variant
        for variant in info.price_variants or ()
        if all(key in _TIER_KEYS and value == tier for key, value in variant.when.items())
    ]


def _prices_at(info: ModelInfo, tier: str, variants: Sequence[PriceVariant], instant: dt.datetime) -> ModelPrice | None:
    if any(v.constraint is None or v.constraint.active(instant) for v in variants):
        return info.get_prices(instant, dict.fromkeys(_TIER_KEYS, tier))
    return info.get_prices(instant) if plain_tier(tier) == STANDARD else None


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


def _brackets(
    price: ModelPrice | None, sizes: tuple[int, ...], source: str, least: Mapping[str, int]
) -> tuple[Rates | None, ...]:
    if price is None:
        return (None,) * (1 + len(sizes))
    found = [(above, _prices_by_kind(vars(price), above)) for above in (-1, *sizes)]
    return tuple(
        make_rates(prices, source=source + _bracket(above) + _free(prices), least=least) for above, prices in found
    )


def _free(prices: Mapping[str, Price]) -> str:
    return "" if any(price.usd for price in prices.values()) else LISTED_FREE


def _bracket(above: int) -> str:
    return "" if above < 0 else f", above {above:,} input tokens"


def _prices_by_kind(prices: Mapping[str, Decimal | TieredPrices | None], above: int) -> dict[str, Price]:
    registry = _get_registry()
    found = [(registry.unit_for_price_key(key), value) for key, value in prices.items() if value is not None]
    return {unit.usage_key: Price(usd=_at(value, above), per=unit.per) for unit, value in found}


def _at(price: Decimal | TieredPrices, above: int) -> Decimal:
    """The price of a call whose input is larger than ``above`` and not larger than the next size."""
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= above]
    return reached[-1] if reached else price.base
