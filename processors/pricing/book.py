"""The price book: own prices first, then the catalogue; one version names both."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from processors.pricing.catalogue import CATALOGUE_VERSION, Tariff, find_tariff, flat
from processors.pricing.own import OwnPrice, fingerprint, read_own_prices
from processors.pricing.rates import make_rates

CACHED_TARIFFS = 16_384
"""Keys kept resolved: a workload has hundreds; more are looked up again."""


class PriceBook:
    """Prices by (provider, model, service tier); resolved once per key.

    An own price holds for every service tier of its model. ``version`` stands on every row that was priced:
    ``genai-prices/0.2.3``, and ``+own/3f2a9c01`` where there are own prices.
    """

    def __init__(self, own: tuple[OwnPrice, ...] = ()) -> None:
        self._own = own
        self.version = CATALOGUE_VERSION + (f"+own/{fingerprint(own)}" if own else "")
        self.tariff = lru_cache(maxsize=CACHED_TARIFFS)(self._resolve)

    @classmethod
    def from_settings(cls, prices: Mapping[str, object]) -> PriceBook:
        """Book with the own prices of the setting ``worker.prices``. Raises ValueError."""
        return cls(read_own_prices(prices))

    def _resolve(self, provider: str | None, model: str, tier: str | None) -> Tariff | None:
        name = f"{provider or ''}/{model}".lower()
        for entry in self._own:
            if entry.covers(name):
                return flat(make_rates(entry.usd_by_unit))
        return find_tariff(provider, model, tier)
