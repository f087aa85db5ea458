"""Prices as tables that people read: what holds for a call, what it overrides, what differs between two books."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import Provider

from processors.pricing.amounts import Price
from processors.pricing.book import LAYERS, Asked, PriceBook, in_force, is_off_list, list_tariff
from processors.pricing.catalogue import find_model
from processors.pricing.entries import Entry
from processors.pricing.kinds import kind_name
from processors.pricing.lines import PAID_BY_GPU, as_text
from processors.pricing.names import is_unknown, provider_id
from processors.pricing.rates import Rates, as_shown
from processors.pricing.served import ELSEWHERE, is_told

DAY_US = 86_400_000_000

_BY_GPU = {PAID_BY_GPU: Price(usd=Decimal(0), per=1)}

_VENDOR = re.compile(r"^(?:[a-z][a-z0-9-]*\.)+(?=[a-z])")  # how Bedrock names makers: us.cohere.command-r-v1:0
_DATED = re.compile(r"(?:[-@](?:20\d\d-?\d\d-?\d\d|\d{4}|latest|preview))?(?:-v\d+(?::\d+)?)?$")

RATES = pa.schema(
    [
        pa.field("kind", pa.string()),
        pa.field("above_input_tokens", pa.int64()),
        pa.field("usd", pa.string()),  # what is paid, exact
        pa.field("per", pa.int64()),
        pa.field("list_usd", pa.string()),
        pa.field("source", pa.string()),
        pa.field("adjusted_by", pa.list_(pa.string())),
        pa.field("overrode", pa.list_(pa.string())),
    ]
)
ENTRIES = pa.schema([pa.field(name, pa.string()) for name in ("layer", "entry", "says", "state", "note")])
CHANGES = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("tenant", "provider", "model", "service_tier", "kind")),
        pa.field("above_input_tokens", pa.int64()),
        pa.field("per", pa.int64()),
        *(pa.field(name, pa.string()) for name in ("before_usd", "after_usd", "change_percent")),
        *(pa.field(name, pa.int64()) for name in ("calls", "input_tokens", "output_tokens")),
        *(pa.field(name, pa.int64()) for name in ("before_unpriced_calls", "after_unpriced_calls")),
    ]
)
"""``kind`` is that of a rate, in USD for ``per``; or ``total``: what ``calls`` cost altogether (``pricing.money``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A book at an instant: one side of a comparison."""

    book: PriceBook
    at_us: int


def show_rates(book: PriceBook, asked: Asked, at_us: int) -> pa.Table:
    """The rates of a call that starts at an instant, bracket by bracket, in ``RATES``; no rows where there is none."""
    listed = {key: rate for key, rate, _ in _rates(list_tariff(asked), at_us)}
    overrode = [f"{one['entry']}: {one['says']}" for one in _states(book, asked, at_us) if one["state"] != "applies"]
    rows = [
        {
            "kind": key[0],
            "above_input_tokens": key[1],
            "usd": as_text(rate),
            "per": key[2],
            "list_usd": as_text(listed[key]) if key in listed else None,
            "source": rates.source,
            "adjusted_by": [f"{one.source}: {one.kind} {abs(one.percent):f} %" for one in rates.adjustments],
            "overrode": overrode,
        }
        for key, rate, rates in _rates(book.tariff(asked), at_us)
    ]
    return pa.Table.from_pylist(rows, schema=RATES)


def show_entries(book: PriceBook, asked: Asked, at_us: int) -> pa.Table:
    """The entries that are about a call, the strongest first, and what became of each, in ``ENTRIES``."""
    return pa.Table.from_pylist(_states(book, asked, at_us), schema=ENTRIES)


def _states(book: PriceBook, asked: Asked, at_us: int) -> list[dict[str, str | None]]:
    held = book.holding(asked)
    winners = in_force(held, at_us)
    return [
        {
            "layer": entry.layer,
            "entry": entry.title(),
            "says": entry.meaning(),
            "state": _state(entry, winners, at_us),
            "note": entry.note,
        }
        for entry in held
    ]


def _state(entry: Entry, winners: Mapping[str, Entry], at_us: int) -> str:
    price = winners.get(LAYERS[0])
    if entry.starts_us is not None and entry.starts_us > at_us:
        return "not yet"
    if winners[entry.layer] is not entry:
        return f"overridden by {winners[entry.layer].title()}"
    if entry.layer == "discount" and not is_off_list(price):
        return "not used: it is off the list price"
    if entry.layer == "markup" and price and price.gpu:
        return "not used: the call is free"
    return "applies"


def _rates(tariff: Any, at_us: int) -> Iterator[tuple[tuple[str, int | None, int], Fraction, Rates]]:
    """What is paid at an instant: (kind, above, per), USD, and the rates it is one of, unless it is as below."""
    before: dict[str, Fraction] = {}
    for above in (-1, *tariff.context_tokens) if tariff else ():
        rates = tariff.at(at_us, at_us % DAY_US, above)
        for kind, price in (as_shown(rates).prices or _BY_GPU).items() if rates else ():
            usd = math.prod((one.factor() for one in rates.adjustments), start=Fraction(price.usd))
            if before.get(kind) != usd:
                yield (kind_name(kind), None if above < 0 else above, price.per), usd, rates
            before[kind] = usd


def show_changes(before: Side, after: Side, calls: Iterable[tuple[Asked, int]]) -> pa.Table:
    """What costs something else after than before, of the calls asked about with their number, in ``CHANGES``."""
    rows: list[dict[str, Any]] = []
    for asked, count in calls:
        old, new = (
            {key: usd for key, usd, _ in _rates(side.book.tariff(asked), side.at_us)} for side in (before, after)
        )
        keys = sorted({*old, *new}, key=lambda key: (key[0], key[1] or 0, key[2]))
        changed = [key for key in keys if old.get(key) != new.get(key)]
        rows += [_change(asked, key, old.get(key), new.get(key), count) for key in changed]
    return pa.Table.from_pylist(rows, schema=CHANGES)


def _change(
    asked: Asked, key: tuple[str, int | None, int], old: Fraction | None, new: Fraction | None, calls: int
) -> dict[str, Any]:
    kind, above, per = key
    return {
        "tenant": asked.tenant,
        "provider": asked.provider,
        "model": asked.model,
        "service_tier": asked.tier,
        "kind": kind,
        "above_input_tokens": above,
        "per": per,
        "before_usd": None if old is None else as_text(old),
        "after_usd": None if new is None else as_text(new),
        "change_percent": f"{float((new - old) / old * 100):+.2f}" if old and new is not None else None,
        "calls": calls,
    }


def nearest_names(provider: str | None, model: str, count: int = 3) -> list[str]:
    """Names of the catalogue most like this one: of what its provider serves, else its maker, else anybody."""
    every = get_snapshot().providers
    owner = next((one for one in every if one.id == provider_id(provider)), None)
    lent = {owner.id, *(owner.fallback_model_providers or ())} if owner else set()
    asked = model.strip().lower()
    spelled = (asked, asked.rpartition("/")[2], _VENDOR.sub("", asked))
    maker = _named_maker(asked)
    for serves, places in ((owner, lent), (maker, {maker.id} if maker else set()), (None, {one.id for one in every})):
        names = {
            info.id.lower(): (one.id, info.id) for one in reversed(every) if one.id in places for info in one.models
        }
        near = next((like for name in spelled if (like := _most_like(name, names, count))), [])
        if serves is maker and not near:
            near = _same_family(spelled[-1], names, count)
        if near:
            found = [(serves.id, names[name][1]) if serves else _maker(name) or names[name] for name in near]
            return ["/".join(name) for name in dict.fromkeys(found)]
    return []


def _named_maker(model: str) -> Provider | None:
    """The provider that a model's name begins with: ``us.cohere.embed-english-v3``, ``cohere/embed-english-v3.0``."""
    ids = [provider_id(word) for word in reversed(re.split(r"[./]", model)[:-1])]
    return next((one for name in ids for one in get_snapshot().providers if one.id == name), None)


def _most_like(model: str, names: Iterable[str], count: int) -> list[str]:
    """Names most like this one: those of its family first, whatever their dates, then those that begin like it."""
    asked = _family(model)
    near = dict.fromkeys(name for name in names if _family(name) == asked)
    near |= dict.fromkeys(difflib.get_close_matches(model, names, n=4 * count))
    return sorted(near, key=lambda name: (_family(name) != asked, -_words_in_common(_family(name), asked)))[:count]


def _family(model: str) -> str:
    """A model without who makes it, its date and Bedrock's version."""
    return _DATED.sub("", _VENDOR.sub("", model.rpartition("/")[2]))


def _words_in_common(one: str, other: str) -> int:
    """How many words they begin with alike."""
    pairs = zip(one.split("-"), other.split("-"), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _same_family(model: str, names: Iterable[str], count: int) -> list[str]:
    """Of names that begin with the same word, those most like this one."""
    family = [name for name in names if name.partition("-")[0] == model.partition("-")[0]]
    return difflib.get_close_matches(model, family, n=count, cutoff=0.0)


def _maker(model: str) -> tuple[str, str] | None:
    """Whom the catalogue takes a model to be of where no provider is named: many providers serve one."""
    found = find_model(None, model)
    return (found[0].id, found[1].id) if found else None


def _may_be_anywhere(asked: Asked) -> bool:
    """Whether a host of nobody's would leave the call without a list price."""
    return not is_told(asked.provider, asked.model, asked.server or ELSEWHERE)


def why_unpriced(book: PriceBook, asked: Asked, price_status: str | None) -> str:
    """In a few words, why a call has no price."""
    owner = provider_id(asked.provider)
    if price_status == "usage_missing":
        return "usage not reported"
    if not asked.model:
        return "no model named"
    tariff = book.tariff(asked)
    if tariff is not None and any(tariff.cells()) and not (price_status and _may_be_anywhere(asked)):
        return "priced at other times, or since"
    if _may_be_anywhere(asked):
        return "open weights, and nobody says that their maker serves them: give them a price in the book"
    if owner is not None and is_unknown(owner):
        return "unknown provider"
    known = find_model(asked.provider, asked.model) is not None
    return f"no price for the service tier {asked.tier!r}" if known else "unknown model"
