"""Names and prices of bills, as our calls have them: whose bill it is, which model it means, what a token costs us."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from genai_prices.data_snapshot import get_snapshot

from processors.pricing.book import LAYERS, Asked, PriceBook, in_force
from processors.pricing.catalogue import find_model
from processors.pricing.kinds import USAGE_KEYS
from processors.pricing.names import is_unknown, provider_id
from processors.pricing.verdicts import take_apart

_BILLERS = {
    "amazon": "aws",
    "amazon web services": "aws",
    "amazon web services, inc.": "aws",
    "bedrock": "aws",
    "google cloud": "google",
    "microsoft": "azure",
    "microsoft azure": "azure",
    "microsoft corporation": "azure",
}
"""Who signs a bill, where the catalogue does not know the name."""

*_, MARKUP = LAYERS
_NOON_US = 43_200_000_000
_DAY_US = 86_400_000_000
_FIRST_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS = {
    "input": "input_tokens",
    "cached_input": "cached_input_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "output_tokens",
    "audio_input": "audio_input_tokens",
    "audio_output": "audio_output_tokens",
}
_WHOLE = {
    "cached_input": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "audio_input": "input",
    "audio_output": "output",
}
"""What a kind costs the price of, where it has none of its own."""
_ROUTE = re.compile(r"^(?:us-gov|us|eu|apac|au|jp|ca|in|sa|me|af|global|regional)\.")
_VENDOR = re.compile(r"^[a-z][a-z0-9-]*\.(?=[a-z])")
_VERSION = re.compile(r"(?:[- ]?v\d+(?::\d+)?(?::\w+)?|-\d+:\d+)$")
_SAY_NOTHING = frozenset({"instruct"})


def bill_provider(name: str) -> str | None:
    """The catalogue's name for who a bill is of; None where nobody is known by this name."""
    plain = name.strip().lower()
    known = _BILLERS.get(plain) or provider_id(plain)
    return known if known is not None and not is_unknown(known) else None


def our_provider(provider: str | None, model: str | None) -> str | None:
    """Whose bill has a call of ours: its provider; where it names none, or only a router, who sells the model."""
    known = provider_id(provider)
    if known not in (None, "litellm") or model is None:
        return known
    found = find_model(provider, model)
    return found[0].id if found else known


def model_key(provider: str | None, model: str) -> str:
    """One name for all names of a model: with and without a date, a region, a maker; the name itself if unknown."""
    if provider == "aws":
        words = bedrock_words(model)
        return _bedrock_models().get(words) or "-".join(words) or model
    found = find_model(provider, model)
    return found[1].id if found else model.strip().lower()


def bedrock_words(model: str) -> tuple[str, ...]:
    """The words of a model of Bedrock: the same for ``Claude4.5Sonnet`` and ``us.anthropic.claude-sonnet-4-5-…``."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.strip())
    plain = _ROUTE.sub("", spaced.lower().rpartition("/")[2])
    plain = _VENDOR.sub("", plain).strip()
    plain = re.sub(r"-\d{8}$", "", _VERSION.sub("", plain))
    plain = re.sub(r"(\d)\.0(?!\d)", r"\1", plain)
    return tuple(sorted(word for word in re.findall(r"[a-z]+|\d+", plain) if word not in _SAY_NOTHING))


@cache
def _bedrock_models() -> Mapping[tuple[str, ...], str]:
    """Names of the catalogue by their words, without a region."""
    models = next(one.models for one in get_snapshot().providers if one.id == "aws")
    names = sorted((_ROUTE.sub("", one.id) for one in models), key=lambda name: (-len(name), name))
    return {bedrock_words(name): name for name in names}


Rate = Callable[[Mapping[str, Any], str], Fraction | None]


def rate_of(book: PriceBook) -> Rate:
    """USD for one token of a kind, for rows with the names ``said_provider said_model tier day``; None = no price.

    The price is that of noon, as all tenants pay it, without what they are charged on top.
    """
    look_up = lru_cache(maxsize=65_536)(_look_up)

    def rate(row: Mapping[str, Any], kind: str) -> Fraction | None:
        if row["said_model"] is None or kind not in _KEYS:
            return None
        tier = None if row["tier"] in (None, "standard") else row["tier"]
        asked = Asked(provider=row["said_provider"], model=row["said_model"], tier=tier)
        return look_up(book, asked, row["day"], kind)

    return rate


def _look_up(book: PriceBook, asked: Asked, day: date, kind: str) -> Fraction | None:
    tariff = book.tariff(asked)
    rates = tariff.at((day - _FIRST_DAY).days * _DAY_US + _NOON_US, _NOON_US, -1) if tariff else None
    if rates is None:
        return None
    price = None
    while price is None and kind:
        price = rates.prices.get(USAGE_KEYS[_KEYS[kind]])
        kind = _WHOLE.get(kind, "")
    if price is None:
        return None
    usd = Fraction(price.of_one())
    for adjustment in rates.adjustments:
        usd *= adjustment.factor() if adjustment.kind != MARKUP else 1
    return usd


class BookMarkups:
    """The price book as ``warehouse.invoices.markups.Markups``."""

    def __init__(self, book: PriceBook) -> None:
        starts = {entry.starts_us or 0 for entry in book.entries if entry.layer == MARKUP}
        self.starts = [_EPOCH + timedelta(microseconds=start) for start in sorted(starts)]
        self.tenants = book.tenants
        self._book = book

    def percent(self, line: Mapping[str, Any]) -> Decimal | None:
        """Of the entries that the book had when it priced the calls; None where this one has them not."""
        parts, since = take_apart(line["price_version"]), line["since"]
        if parts is None or parts.book is None or line["model"] is None:
            return Decimal(0)
        known = self._book.file.count(parts.book)
        if not known:
            return None
        names = {"provider": line["provider"], "model": line["model"]}
        asked = Asked(**names, tier=line["service_tier"], tenant=line["payer"])
        held = [entry for entry in self._book.holding(asked) if entry.number <= known]
        at_us = (since - _EPOCH) // timedelta(microseconds=1) if since else None
        markup = in_force(held, at_us).get(MARKUP)
        return markup.percent if markup else Decimal(0)
