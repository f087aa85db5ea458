"""The prices in force: entries of the book and of the settings over the catalogue; one version names them all.

Of the entries that hold for a call and have begun when it started, one *price* wins (else the list price stands), one
*discount*, taken off the list price alone, and one *markup*, put on whatever the price is. The largest ``Entry.rank``
wins. Discounts and markups multiply the rates exactly; the cost is rounded once, after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from processors.pricing.catalogue import CATALOGUE_VERSION, Tariff, find_model, find_tariff
from processors.pricing.entries import BookFile, Entry, read_book
from processors.pricing.errors import BadPriceBook
from processors.pricing.kinds import KINDS, REPORTED
from processors.pricing.names import provider_id
from processors.pricing.own import fingerprint, read_own_prices
from processors.pricing.rates import Adjustment, Rates, make_rates
from processors.pricing.served import is_told
from processors.pricing.snapshots import BY_REQUEST, is_snapshot
from warehouse.tiers import plain_tier

CACHED_TARIFFS = 16_384
"""Keys kept resolved: a workload has hundreds; more are looked up again."""

LAYERS = ("price", "discount", "markup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose and which call a price is for.

    ``model``: the response's, else the requested one. ``requested``: what was asked for, where that is another name.
    ``server``: whose host answered, of ``server_of``.
    """

    provider: str | None
    model: str
    tier: str | None = None
    tenant: str | None = None
    requested: str | None = None
    server: str | None = None


class PriceBook:
    """Prices by provider, model, service tier and tenant; resolved once per key.

    ``version`` stands on every row that was priced: ``genai-prices/0.2.3``, then ``+book/3f2a9c01`` where there is a
    book and ``+own/…`` where there are own prices in the settings. ``tenants``: those that have entries of their own;
    ``takes_reported``: an entry says that reported costs are prices.
    """

    def __init__(self, own: tuple[Entry, ...] = (), book: BookFile | None = None) -> None:
        book = book or BookFile()
        self.entries = (*own, *book.entries)
        self.file = book
        self.tenants = frozenset(entry.tenant for entry in book.entries if entry.tenant is not None)
        self.takes_reported = any(REPORTED in entry.prices for entry in book.entries)
        self.version = CATALOGUE_VERSION
        self.version += f"+book/{book.fingerprints[-1]}" if book.entries else ""
        self.version += f"+own/{fingerprint(own)}" if own else ""
        self._resolve_once = lru_cache(maxsize=CACHED_TARIFFS)(self._resolve)

    @classmethod
    def from_settings(cls, prices: Mapping[str, object], file: str | None = None) -> PriceBook:
        """Book of the settings ``worker.prices`` and ``worker.price_book``. Raises BadPriceBook."""
        return cls(read_own_prices(prices), read_book(Path(file).expanduser()) if file else None)

    def as_of(self, catalogue: str, fingerprint: str | None, *, own: bool) -> PriceBook:
        """The book as rows have it in their version. Raises BadPriceBook where that is not at hand."""
        if f"genai-prices/{catalogue}" != CATALOGUE_VERSION:
            raise BadPriceBook(f"genai-prices {catalogue} is not installed; to compare with it, install it")
        known = self.file.count(fingerprint) if fingerprint else 0
        if fingerprint and not known:
            raise BadPriceBook(f"the price book does not begin with the entries of {fingerprint}")
        ours = tuple(entry for entry in self.entries if not entry.number) if own else ()
        return PriceBook(ours, self.file.first(known))

    def standing(self, at_us: int) -> PriceBook:
        """The book whose prices at an instant hold at all times; of times of day each keeps its own."""

        def resolve(asked: Asked) -> Tariff | None:
            tariff = self.tariff(asked)
            return tariff.standing(at_us) if tariff else None

        other = copy(self)
        other._resolve_once = lru_cache(maxsize=CACHED_TARIFFS)(resolve)  # noqa: SLF001 - a book like this one
        return other

    def tariff(self, asked: Asked) -> Tariff | None:
        """Rates of a call; None where no price is known at any time."""
        return self._resolve_once(asked)

    def holding(self, asked: Asked) -> list[Entry]:
        """Entries that hold for a call at some time, the strongest first, layer by layer."""
        providers, models = _names(asked)
        tier = plain_tier(asked.tier)
        held = [entry for entry in self.entries if entry.covers(providers, models, tier, asked.tenant)]
        return sorted(sorted(held, key=Entry.rank, reverse=True), key=lambda entry: LAYERS.index(entry.layer))

    def _resolve(self, asked: Asked) -> Tariff | None:
        tariff = self._resolve_one(asked)
        if tariff is not None or asked.requested is None or not is_snapshot(asked.model, asked.requested):
            return tariff
        instead = self._resolve_one(replace(asked, model=asked.requested, requested=None))
        said = f", as {asked.requested} was asked for and {asked.model} has no price"
        return instead.marked(said, BY_REQUEST) if instead else None

    def _resolve_one(self, asked: Asked) -> Tariff | None:
        held = self.holding(asked)
        listed = list_tariff(asked)
        if not held:
            return listed
        bases = {entry: _base(entry, listed, asked.tier) for entry in held if entry.layer == "price"}
        tariffs = [tariff for tariff in (listed, *bases.values()) if tariff is not None]
        if not tariffs:
            return None
        starts = {entry.starts_us for entry in held if entry.starts_us is not None}
        epochs = sorted(starts.union(*(tariff.epochs_us for tariff in tariffs)))
        times = sorted(set().union(*(tariff.day_micros for tariff in tariffs)))
        sizes = sorted(set().union(*(tariff.context_tokens for tariff in tariffs)))

        def cell(start: int | None, time: int, above: int) -> Rates | None:
            begun = in_force(held, start)
            price = begun.get("price")
            base = bases[price] if price else listed
            rates = base.at(start, time, above) if base else None
            return _adjust(rates, begun) if rates is not None else None

        return Tariff(
            epochs_us=tuple(epochs),
            day_micros=tuple(times),
            context_tokens=tuple(sizes),
            rates=tuple(
                tuple(tuple(cell(start, time, above) for above in (-1, *sizes)) for time in (0, *times))
                for start in (None, *epochs)
            ),
        )


def in_force(held: Sequence[Entry], at_us: int | None) -> dict[str, Entry]:
    """The winner of each layer at an instant (None = before all dates), of entries with the strongest first."""
    found: dict[str, Entry] = {}
    for entry in held:
        if entry.starts_us is None or (at_us is not None and entry.starts_us <= at_us):
            found.setdefault(entry.layer, entry)
    return found


def is_off_list(price: Entry | None) -> bool:
    """Whether a discount applies: the price is one of the catalogue."""
    return price is None or not (price.prices or price.gpu)


def list_tariff(asked: Asked) -> Tariff | None:
    """What the catalogue says, where it is known who serves."""
    if not is_told(asked.provider, asked.model, asked.server):
        return None
    return find_tariff(asked.provider, asked.model, asked.tier)


def _base(entry: Entry, listed: Tariff | None, tier: str | None) -> Tariff | None:
    """Where the rates of a price entry come from."""
    if entry.like:
        return find_tariff(*entry.like, tier)
    if entry.prices or entry.gpu:
        source = f"{entry.title()}, {entry.meaning()}"
        return Tariff(rates=(((make_rates(entry.prices, source=source, by_gpu=entry.gpu),),),))
    return listed


def _adjust(rates: Rates, begun: Mapping[str, Entry]) -> Rates:
    price, discount, markup = (begun.get(layer) for layer in LAYERS)
    applied = [discount] if discount and is_off_list(price) else []
    applied += [markup] if markup and not (price and price.gpu) else []
    adjustments = tuple(
        Adjustment(kind=entry.layer, percent=entry.percent, source=entry.title()) for entry in applied if entry.percent
    )
    source = f"{rates.source} ({price.title()})" if price and is_off_list(price) and price.like else rates.source
    least = {KINDS[column]: amount for column, amount in rates.least}
    return make_rates(
        rates.prices, adjustments=adjustments, source=source, least=least, basis=rates.basis, by_gpu=rates.by_gpu
    )


def _names(asked: Asked) -> tuple[set[str], set[str]]:
    """What provider and model of a call may be called: as the span has it, and as the catalogue has it."""
    found = find_model(asked.provider, asked.model)
    owner = provider_id(asked.provider) or (found[0].id if found else None)
    providers = {name for name in ((asked.provider or "").lower(), owner) if name}
    return providers, {asked.model.strip().lower()} | ({found[1].id.lower()} if found else set())
