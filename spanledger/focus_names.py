"""What a FOCUS export asks the price catalogue and the price book: who sells a model, and what its tokens cost."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import cache, lru_cache
from itertools import product

from genai_prices.data_snapshot import get_snapshot

from processors.pricing.book import Asked, PriceBook, list_tariff
from processors.pricing.catalogue import Tariff, find_model
from processors.pricing.errors import BadPriceBook
from processors.pricing.names import makers
from processors.pricing.rates import Rates
from processors.pricing.snapshots import BY_REQUEST, asked_model
from processors.pricing.verdicts import take_apart
from spanledger.bill_names import bill_provider, our_provider
from warehouse.focus import Offer, Seller

_DAY_US = 86_400_000_000
_FIRST_DAY = date(1970, 1, 1)
_PRICED_AS = {
    "input": ("input_tokens",),
    "audio_input": ("input_audio_tokens", "input_tokens"),
    "cached_input": ("cache_read_tokens", "input_tokens"),
    "cache_write": ("cache_write_tokens", "input_tokens"),
    "cache_write_1h": ("cache_write_1h_tokens", "cache_write_tokens", "input_tokens"),
    "output": ("output_tokens",),
    "audio_output": ("output_audio_tokens", "output_tokens"),
    "other": ("requests",),
}
"""By kind of a bill whose price it costs: the first that there is. A part without a price costs what the whole does."""
NOBODY = "unknown"
"""The seller of calls that name no provider and a model that nobody sells: FOCUS has no NULL there."""


class BookSellers:
    """The price book as ``warehouse.focus.Sellers``."""

    def __init__(self, book: PriceBook) -> None:
        self.tenants = book.tenants
        self._book = book
        self._tariffs = lru_cache(maxsize=65_536)(self._find)
        self._as_of = cache(self._find_book)

    def seller(self, provider: str | None, model: str | None) -> Seller:
        """Whose bill it is, by the names that `spanledger reconcile` reads back."""
        known = our_provider(provider, model) or NOBODY
        name = _names().get(known, known)
        maker = _maker(model) if model else None
        return Seller(id=known, name=name, publisher=_names().get(maker, maker) if maker else name)

    def knows(self, version: str | None) -> bool:
        """Whether the book has the entries, and the package is the one, that this version names."""
        return self._as_of(version) is not None

    def offers(
        self, tenant: str | None, provider: str | None, model: str, tier: str | None, *, version: str | None, day: date
    ) -> Sequence[Mapping[str, Offer]] | None:
        """All prices of the calls that end on a day, as paid and as listed."""
        other = asked_model(model) if version and version.endswith(BY_REQUEST) else None
        asked = Asked(provider=provider, model=model, tier=tier, tenant=tenant, requested=other)
        paid, listed = self._tariffs(version, asked)
        if paid is None:
            return None
        cells: list[dict[str, Offer]] = []
        for offers in _cells(paid, listed, (day - _FIRST_DAY).days * _DAY_US):
            if offers not in cells:
                cells.append(offers)
        return cells

    def _find(self, version: str | None, asked: Asked) -> tuple[Tariff | None, Tariff | None]:
        book = self._as_of(version) or self._book
        listed = list_tariff(asked)
        if listed is None and asked.requested is not None:
            listed = list_tariff(replace(asked, model=asked.requested))
        return book.tariff(asked), listed

    def _find_book(self, version: str | None) -> PriceBook | None:
        parts = take_apart(version) if version else None
        if parts is None or (parts.own and f"+own/{parts.own}" not in self._book.version):
            return None
        try:
            return self._book.as_of(parts.catalogue, parts.book, own=parts.own is not None)
        except BadPriceBook:
            return None


def _maker(model: str) -> str | None:
    """Who made a model, as the catalogue or what stands before its name says: ``us.anthropic.claude-…``."""
    said = [part for part in re.split(r"[./]", model.strip().lower())[:-1] if part in makers()]
    found = find_model(None, model) if not said else None
    return said[-1] if said else found[0].id if found else None


def _cells(paid: Tariff, listed: Tariff | None, day_us: int) -> Iterator[dict[str, Offer]]:
    """Those of every epoch that a call of the day can have begun in, every time of day and context size."""
    tariffs = [tariff for tariff in (paid, listed) if tariff]
    epochs = {day_us - 1, day_us + _DAY_US - 1}
    epochs.update(one for tariff in tariffs for one in tariff.epochs_us if day_us <= one < day_us + _DAY_US)
    times = {0}.union(*(tariff.day_micros for tariff in tariffs))
    sizes = {-1}.union(*(tariff.context_tokens for tariff in tariffs))
    for place in product(sorted(epochs), sorted(times), sorted(sizes)):
        rates = paid.at(*place)
        list_rates = listed.at(*place) if listed else None
        factor = math.prod((one.factor() for one in rates.adjustments), start=Fraction(1)) if rates else Fraction(1)
        prices = {kind: _usd(rates, kind) for kind in _PRICED_AS}
        yield {
            kind: Offer(paid=usd * factor, listed=_usd(list_rates or rates, kind))
            for kind, usd in prices.items()
            if usd is not None
        }


def _usd(rates: Rates | None, kind: str) -> Fraction | None:
    """What one costs, before discounts and markups; of what is free, tokens."""
    prices = rates.prices if rates else {}
    found = next((Fraction(prices[key].of_one()) for key in _PRICED_AS[kind] if key in prices), None)
    return Fraction(0) if rates and not prices and kind != "other" else found


@cache
def _names() -> dict[str, str]:
    """Names of providers for people, where `spanledger reconcile` knows them by these."""
    return {one.id: one.name for one in get_snapshot().providers if bill_provider(one.name) == one.id}
