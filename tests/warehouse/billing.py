"""Bills made of the truth: what a provider that saw every call would charge for it, line by line, at list prices."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from processors.pricing.book import PriceBook
from processors.pricing.lines import price_lines
from processors.pricing.names import provider_id
from spanledger.bill_names import BookMarkups, model_key, our_provider, rate_of
from tests.warehouse.settling import World, book
from tests.warehouse.told import span
from warehouse.invoices.answer import Compared, compare
from warehouse.invoices.files import Asked, Bill, read_file
from warehouse.invoices.gather import Names, Scope, gather
from warehouse.invoices.generic import COLUMNS
from warehouse.invoices.imports import Import, import_bills
from warehouse.reader import Warehouse

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
LATER = NOON + 10 * DAY
NAMES = Names(provider=our_provider, model=model_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A line of a bill before it is written."""

    day: dt.date
    model: str
    kind: str
    tokens: int
    cost: Fraction
    tier: str = "standard"
    provider: str = "openai"
    account: str = ""
    charge: str = "usage"

    def but(self, **values: Any) -> Charge:
        """The same with other values."""
        return replace(self, **values)


def call(name: str, *, day: int = 0, seconds: float = 0, **values: Any) -> dict[str, Any]:
    """A call of a model, some days and seconds after noon of the first day."""
    used = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100} | values
    return span(name, trace=name, at=(day * 86_400 + seconds) * 1000, **used)


def charges(calls: Iterable[dict[str, Any]], prices: PriceBook | None = None) -> list[Charge]:
    """What they cost by kind of token, a line a call and kind, on the day when each began."""
    return [line for one in calls for line in (_charges(one, prices) if prices else _listed(pickle.dumps(one)))]


@functools.lru_cache(maxsize=1024)
def _listed(pickled: bytes) -> list[Charge]:
    return _charges(pickle.loads(pickled), book())  # noqa: S301 - pickled above


def _charges(one: dict[str, Any], prices: PriceBook) -> list[Charge]:
    kinds = {"cache_write_1h": "cache_write_1h", "reasoning": "output"}
    return [
        Charge(
            day=one["started_at"].date(),
            model=one.get("response_model") or one["request_model"],
            kind=kinds.get(line.kind, line.kind),
            tokens=int(line.quantity or 0),
            cost=line.usd,
            tier=one.get("service_tier") or "standard",
            provider=provider_id(one["provider"]) or "",
            account=one.get("provider_account") or "",
        )
        for line in price_lines(one, prices)
        if line.quantity is not None
    ]


def billed(lines: Sequence[Charge], file: Path, *, places: int = 12, costs: bool = True, counts: bool = True) -> Path:
    """The lines as a file in the generic format, summed up by all that they say."""
    sums: dict[Charge, tuple[int, Fraction]] = {}
    for line in lines:
        key = line.but(tokens=0, cost=Fraction(0))
        tokens, cost = sums.get(key, (0, Fraction(0)))
        sums[key] = tokens + line.tokens, cost + line.cost
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        for key, (tokens, cost) in sums.items():
            amount = Decimal(round(cost * 10**places)).scaleb(-places)
            row = {"day": key.day, "provider": key.provider, "account": key.account, "model": key.model}
            row |= {"token_kind": key.kind, "tier": key.tier, "charge": key.charge, "item": ""}
            row |= {"quantity": tokens, "unit": "tokens"} if counts and key.charge == "usage" else {}
            writer.writerow(row | ({"cost": f"{amount:f}"} if costs else {}))
    return file


@dataclass(slots=True)
class Books:
    """A settled lake and the calls that are in it."""

    world: World
    made_at: dt.datetime = LATER

    def fill(self, calls: Sequence[dict[str, Any]], *, now: dt.datetime = LATER) -> None:
        """Calls as one record, settled at once."""
        self.world.flush(calls)
        self.world.settle(now=now)

    def take(self, *files: Path, overlap: str = "refuse", provider: str | None = None) -> dict[str, int]:
        """Import files; gives lines by file."""
        how = Import(now=dt.datetime.now(dt.UTC), made_at=self.made_at, overlap=overlap, rates={})
        bills = [read(file, provider) for file in files]
        return import_bills(self.world.settings, Warehouse(self.world.settings).snapshot().snapshot, bills, how)

    def compare(self, *, to: dt.date | None = None, rate: Callable[..., Any] | None = None) -> list[Compared]:
        """All that is imported, held against the books."""
        snapshot = Warehouse(self.world.settings).snapshot().snapshot
        sides = gather(snapshot, self.world.settings, NAMES, Scope(end=to), BookMarkups(self.world.book))
        return compare(sides, rate or rate_of(self.world.book))

    def causes(self, lines: Sequence[Charge], file: Path, **how: Any) -> dict[str, Decimal]:
        """Causes of everything together for a bill with these lines."""
        self.take(billed(lines, file, **how))
        return total(self.compare())


def read(file: Path, provider: str | None = None) -> Bill:
    """A file that has nothing to refuse."""
    bill = read_file(file, Asked(provider=provider, name_provider=provider_id))
    assert bill.reading.refused == []
    return bill


def total(compared: Iterable[Compared]) -> dict[str, Decimal]:
    """Causes of all cells; every cell's add up to its difference."""
    sums: dict[str, Decimal] = {}
    for one in compared:
        assert sum(one.causes.values(), Decimal(0)) == one.difference
        for cause, amount in one.causes.items():
            sums[cause] = sums.get(cause, Decimal(0)) + amount
    return {cause: amount for cause, amount in sums.items() if amount}
