"""Own prices, from the settings: ``[worker.prices."openai/gpt-4o-mini"]`` with USD per million tokens by kind.

    [worker.prices."acme-llm/*"]
    input = 0.2
    cached_input = 0.05
    output = "0.8"

They are entries of the price book without dates, for all tenants and tiers. Kinds: ``amounts.PER_MTOK``. A kind that is
left out costs what the one that contains it costs: cached input as input, a one-hour write as a write, reasoning as
output. ``*`` in a name stands for anything; a whole name wins over a pattern, the longer pattern over the shorter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from processors.pricing.amounts import read_token_prices
from processors.pricing.entries import Entry
from processors.pricing.errors import BadPriceBook


def read_own_prices(prices: Mapping[str, object]) -> tuple[Entry, ...]:
    """Entries of the setting. Raises BadPriceBook, which names the entry, its value and what is allowed."""
    return tuple(_entry(name, table) for name, table in sorted(prices.items()))


def fingerprint(entries: tuple[Entry, ...]) -> str:
    """Eight hex digits that change whenever an own price does; empty where there are none."""
    if not entries:
        return ""
    said = [(e.provider, e.model, sorted((kind, str(price.usd)) for kind, price in e.prices.items())) for e in entries]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:8]


def _entry(name: str, table: object) -> Entry:
    provider, slash, model = name.lower().partition("/")
    if not (provider and slash and model):
        raise BadPriceBook(f"prices: {name!r} must look like provider/model")
    return Entry(provider=provider, model=model, prices=read_token_prices(f"prices: {name!r}", table))
