"""The price book: own prices first, then the catalogue; one version names both."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from processors.pricing.catalogue import CATALOGUE_VERSION, Tariff, find_tariff, flat
from processors.pricing.own import TOKENS_PER_PRICE, OwnPrice, fingerprint, read_own_prices
from processors.pricing.rates import Price, make_rates

CACHED_TARIFFS = 16_384
"""Keys kept resolved: a workload has hundreds; more are looked up again."""


class PriceBook:
    """Prices by (provider, model, service tier, tenant); resolved once per key.

    An own price holds for every service tier of its model. ``version`` stands on every row that was priced:
    ``genai-prices/0.2.3``, and ``+own/3f2a9c01`` where there are own prices.
    """

    def __init__(self, own: tuple[OwnPrice, ...] = ()) -> None:
        self._own = own
        self.version = CATALOGUE_VERSION + (f"+own/{fingerprint(own)}" if own else "")
        self._tariff = lru_cache(maxsize=CACHED_TARIFFS)(self._resolve)

    @classmethod
    def from_settings(cls, prices: Mapping[str, object]) -> PriceBook:
        """Book with the own prices of the setting ``worker.prices``. Raises ValueError."""
        return cls(read_own_prices(prices))

    def tariff(self, provider: str | None, model: str, tier: str | None, tenant: str | None = None) -> Tariff | None:
        """Rates of a call; None where no price is known at any time. No entry is for one tenant yet."""
        del tenant
        return self._tariff(provider, model, tier)

    def _resolve(self, provider: str | None, model: str, tier: str | None) -> Tariff | None:
        name = f"{provider or ''}/{model}".lower()
        for entry in self._own:
            if entry.covers(name):
                prices = {kind: Price(usd=usd, per=TOKENS_PER_PRICE) for kind, usd in entry.usd_by_unit.items()}
                return flat(make_rates(prices, source=f"worker.prices {entry.name}"))
        return find_tariff(provider, model, tier)
