"""Entries of a price book: what is paid instead of the list price, by whom and from when.

    [[price]]
    provider = "openai"                # left out = any
    model = "gpt-4o*"                  # * stands for anything
    tenant = "acme"                    # left out = all
    tier = "batch"                     # left out = all; "standard", also "default" or "auto" = no special one
    from = 2026-01-01                  # UTC date, or an instant like 2026-01-01T12:00:00Z
    discount_percent = "12.5"
    note = "contract 4711"

Exactly one of these says what holds from then on:

===========================  ========================================================================================
``discount_percent``         off the list price; 0 ends a discount
``markup_percent``           on what the call costs otherwise; 0 ends a markup
``usd_per_mtok``             a committed price by kind of token (``amounts.PER_MTOK``), perhaps together with …
``usd_per``                  … a committed price by ``request``, ``search``, ``audio_minute`` … (``amounts.PER_UNIT``)
``like = "azure/gpt-4o"``    the list price of another model: for deployments, proxies and names of one's own
``reported = true``          the cost that the producer reports; a call that reports none has none
``gpu = true``               self-hosted and paid by the GPU: the call itself is free
``list = true``              the list price again
===========================  ========================================================================================

A kind of token without a committed price costs what the kind that contains it costs. Names are compared without
case, but for tenants, which are compared letter by letter.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, DecimalException
from pathlib import Path
from typing import Any

from processors.pricing.amounts import REPORTED, Price, read_number, read_token_prices, read_unit_prices
from processors.pricing.errors import BadPriceBook
from warehouse.tiers import plain_tier

SAYS = ("discount_percent", "markup_percent", "usd_per_mtok", "usd_per", "like", "reported", "gpu", "list")
"""What an entry may say, of which it says one; the two tables of prices go together."""

_NAMES = ("model", "provider", "tenant", "tier", "note")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_MOST_MARKUP = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """One entry.

    ``layer``: price, discount or markup. ``number``: place in the book from 1; 0 = of the setting ``worker.prices``.
    ``starts_us``: UTC microseconds since 1970 from which it holds; None = always.
    """

    number: int = 0
    layer: str = "price"
    model: str
    provider: str | None = None
    tenant: str | None = None
    tier: str | None = None
    starts_us: int | None = None
    percent: Decimal = Decimal(0)
    prices: Mapping[str, Price] = field(default_factory=dict)
    like: tuple[str, str] | None = None
    gpu: bool = False
    note: str | None = None

    def rank(self) -> tuple[object, ...]:
        """What decides between entries of a layer that hold for one call: the largest wins.

        The tenant's before one for all; then by the model: a whole name, the longer pattern; then by the provider and
        by the tier likewise; then the later date, then the later line.
        """
        names = (self.model, self.provider or "*")
        spelled = [part for name in names for part in ("*" not in name, len(name.replace("*", "")))]
        return (
            self.tenant is not None,
            *spelled,
            self.tier is not None,
            self.starts_us is not None,
            self.starts_us or 0,
            self.number,
        )

    def covers(self, providers: Iterable[str], models: Iterable[str], tier: str, tenant: str | None) -> bool:
        """Whether it holds for a call, at some time; the names are those the call may be known by, in lower case."""
        return (
            self.tenant in (None, tenant)
            and self.tier in (None, tier)
            and (self.provider is None or any(_matches(self.provider, name) for name in providers))
            and any(_matches(self.model, name) for name in models)
        )

    def title(self) -> str:
        """How a person finds it."""
        where = f"book entry {self.number}" if self.number else "worker.prices"
        tenant = f" of {self.tenant}" if self.tenant is not None else ""
        tier = f", {self.tier}" if self.tier is not None else ""
        start = f", from {show_instant(self.starts_us)}" if self.starts_us is not None else ""
        return f"{where} {self.provider or '*'}/{self.model}{tenant}{tier}{start}"

    def meaning(self) -> str:
        """What it says, in words."""
        if self.layer != "price":
            return f"{self.layer} {abs(self.percent):f} %"
        if self.prices:
            return "reported cost" if self.prices is REPORTED else "committed price"
        return "paid by GPU" if self.gpu else f"list price of {'/'.join(self.like)}" if self.like else "list price"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFile:
    """A price book as its file says it; ``fingerprints[n]`` names its first n + 1 entries, the last one all of it.

    ``earlier``: likewise the names that the first versions gave, to which tenants of other case were one.
    """

    entries: tuple[Entry, ...] = ()
    fingerprints: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    def count(self, fingerprint: str) -> int:
        """How many entries from the first on have this name; 0 = the book does not begin with those."""
        names = next((names for names in (self.fingerprints, self.earlier) if fingerprint in names), ())
        return 1 + names.index(fingerprint) if names else 0

    def first(self, count: int) -> BookFile:
        """The book of the first entries."""
        return BookFile(
            entries=self.entries[:count], fingerprints=self.fingerprints[:count], earlier=self.earlier[:count]
        )


def read_book(path: Path) -> BookFile:
    """A price book. Raises BadPriceBook, which names the file."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise BadPriceBook(f"price book {path}: {error.strerror or type(error).__name__}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadPriceBook(f"price book {path} is not TOML: {error}") from error
    unknown = sorted(set(content) - {"price"})
    tables = content.get("price", [])
    if unknown or not isinstance(tables, list):
        raise BadPriceBook(f"price book {path}: it holds [[price]] entries, not {(unknown or ['price = …'])[0]!r}")
    try:
        entries = tuple(read_entry(number, table) for number, table in enumerate(tables, start=1))
        named = (_fingerprints(entries, tables, read) for read in (_plain, _earlier))
        return BookFile(entries=entries, fingerprints=next(named), earlier=next(named))
    except BadPriceBook as error:
        raise BadPriceBook(f"price book {path}: {error}") from error


def read_entry(number: int, table: Mapping[str, object]) -> Entry:
    """One ``[[price]]``. Raises BadPriceBook."""
    where = f"entry {number}"
    unknown = sorted(set(table) - {*_NAMES, *SAYS, "from"})
    if unknown:
        raise BadPriceBook(f"{where}: there is no {unknown[0]!r}; there are {', '.join((*_NAMES, 'from', *SAYS))}")
    model, provider, tenant, tier, note = (_name(where, name, table.get(name)) for name in _NAMES)
    if model is None:
        raise BadPriceBook(f"{where} must name a model, or model = '*'")
    return Entry(
        number=number,
        model=model.lower(),
        provider=provider and provider.lower(),
        tenant=tenant,
        tier=tier and plain_tier(tier),
        note=note,
        starts_us=_start(where, table.get("from")),
        **_said(where, table),
    )


def _said(where: str, table: Mapping[str, object]) -> dict[str, Any]:
    said = [name for name in SAYS if name in table]
    if len(said) != 1 and said != ["usd_per_mtok", "usd_per"]:
        raise BadPriceBook(f"{where} must say one of {', '.join(SAYS)}; it says {' and '.join(said) or 'none'}")
    value = table[said[0]]
    match said[0]:
        case "discount_percent":
            return {"layer": "discount", "percent": -read_number(f"{where}: {said[0]}", value, most=100)}
        case "markup_percent":
            return {"layer": "markup", "percent": read_number(f"{where}: {said[0]}", value, most=_MOST_MARKUP)}
        case "like":
            return {"like": _like(where, value)}
        case "gpu" | "list" | "reported":
            if value is not True:
                raise BadPriceBook(f"{where}: {said[0]} = {value!r}: must be true, or left out")
            return {"gpu": said[0] == "gpu", "prices": REPORTED if said[0] == "reported" else {}}
    tokens = read_token_prices(f"{where}: usd_per_mtok", table["usd_per_mtok"]) if "usd_per_mtok" in table else {}
    units = read_unit_prices(f"{where}: usd_per", table["usd_per"]) if "usd_per" in table else {}
    return {"prices": tokens | units}


def _name(where: str, name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise BadPriceBook(f"{where}: {name} = {value!r}: must be text")
    return value.strip()


def _like(where: str, value: object) -> tuple[str, str]:
    provider, slash, model = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not (provider and slash and model):
        raise BadPriceBook(f"{where}: like = {value!r}: must look like provider/model")
    return provider.lower(), model.lower()


def _start(where: str, value: object) -> int:
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value) if "T" in value else dt.date.fromisoformat(value)
        except ValueError:
            value = None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time(), dt.UTC)
    if not isinstance(value, dt.datetime) or value.tzinfo is None:
        what = "must be a UTC date like 2026-01-31, or a time with its zone like 2026-01-31T12:00:00Z"
        raise BadPriceBook(f"{where}: from {what}")
    return (value - _EPOCH) // _MICROSECOND


def show_instant(micros: int) -> str:
    """An instant as a date where it begins one."""
    instant = _EPOCH + micros * _MICROSECOND
    return f"{instant:%Y-%m-%d}" if instant.time() == dt.time() else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _fingerprints(
    entries: Iterable[Entry], tables: Iterable[Mapping[str, object]], read: Callable[[str, object], object]
) -> tuple[str, ...]:
    """Eight hex digits after every entry, that change with anything said so far, but not with how it is written."""
    chain, names = hashlib.sha256(), []
    for entry, table in zip(entries, tables, strict=True):
        said = {name: read(name, value) for name, value in table.items() if name not in ("note", "from")}
        said["from"] = entry.starts_us
        chain.update(json.dumps(said, sort_keys=True).encode() + b"\n")
        names.append(chain.hexdigest()[:8])
    return tuple(names)


def _plain(name: str, value: object) -> object:
    """One way to write what was read: a name as it is compared, a number without what is only its format."""
    if isinstance(value, Mapping):
        return {kind: _plain(kind, each) for kind, each in value.items()}
    if isinstance(value, bool):
        return value
    text = str(value).strip()
    if name in (*_NAMES, "like"):
        return text if name == "tenant" else text.lower()
    return f"{Decimal(text).normalize():f}"


def _earlier(_: str, value: object) -> object:
    """``_plain`` as it was: every text in lower case, and what reads like a number one."""
    if isinstance(value, Mapping):
        return {kind: _earlier(kind, each) for kind, each in value.items()}
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    try:
        return f"{Decimal(text).normalize():f}" if re.fullmatch(r"[0-9.]+(?:e-?\d+)?", text) else text
    except DecimalException:
        return text


def _matches(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern == name
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
