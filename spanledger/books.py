"""The books as the verbs that change them open them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from spanledger.engines import opener_of
from warehouse.settle import Overtaken

if TYPE_CHECKING:
    from spanledger.settings import Settings
    from warehouse.engine import Opener
    from warehouse.lake import Lake
    from warehouse.settings import LakeSettings, SettleSettings
    from warehouse.settle import Pricing

TRIES = 5

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """``of``: what ``settle`` and ``reprice`` take first; ``engine``: what runs their SQL."""

    of: tuple[Lake, LakeSettings, SettleSettings, Pricing]
    engine: Opener

    def again(self, act: Callable[[], Done]) -> Done:
        """Act, and act again where another settlement was quicker. Raises Overtaken after five of them."""
        for _ in range(TRIES - 1):
            try:
                return act()
            except Overtaken:
                continue
        return act()


def open_books(settings: Settings) -> Books:
    """Open the lake's books. Raises NoSpark, LakeMissing, LakeUnavailable, LakeMismatch, BadPriceBook."""
    from processors.pricing.book import PriceBook
    from processors.pricing.settled import pricing_of
    from processors.pricing.start import hold_book
    from warehouse.lake import Lake
    from warehouse.lake.identity import read_identity
    from warehouse.lake.place import Place

    engine = opener_of(settings)
    read_identity(Place.of(settings.lake))  # no lake is made of nothing here
    lake = Lake.open(settings.lake)
    hold_book(settings.worker.price_book, settings.lake)
    pricing = pricing_of(PriceBook.from_settings(settings.worker.prices, settings.worker.price_book))
    return Books(of=(lake, settings.lake, settings.settle, pricing), engine=engine)
