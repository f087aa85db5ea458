"""A line of a bill in normal form, and how a reader says that a row is none.

A reader turns each row of a file into lines. A row that it cannot read is *refused* with a reason that is counted and a
text that says what to change; a row about something else (another service, a span of time without costs) is *left out*
and counted likewise.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

TOKENS = "tokens"
TOKEN_KINDS = (
    *("input", "cached_input", "cache_write", "cache_write_1h", "output"),
    *("audio_input", "audio_output"),
)
"""Disjoint kinds of tokens as bills have them: ``input`` is neither cached, nor written to a cache, nor audio."""
OTHER = "other"
"""``kind`` of what is billed and is no token."""
USAGE = "usage"
CHARGES = (USAGE, "discount", "credit", "tax", "fee")

Row = Mapping[str, Any]
Cut = tuple[date, str, int]
"""The day of an answer, what its results are, and the how-manieth about its time in the file it is, from 0."""


class Unreadable(Exception):
    """A row of a bill cannot be read. ``reason`` is counted, the text says what to change."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(what)
        self.reason = reason


class LeftOut(Exception):
    """A row is not about what is reconciled. ``reason`` is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was charged, or only counted, on the UTC day of ``charged_at``; None where the row does not say.

    Columns of ``warehouse.schemas.INVOICES``; ``quantity`` in single ``unit``; ``amount`` in ``currency``; ``until`` is
    its ``charged_until``.
    """

    charged_at: datetime
    provider: str
    account: str | None = None
    model: str | None = None
    kind: str | None = None
    tier: str | None = None
    charge: str = USAGE
    quantity: Decimal | None = None
    unit: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    item: str | None = None
    until: datetime | None = None
    row: int = 0
    identity: str | None = None
    stated: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A row that cannot be read."""

    row: int
    reason: str
    what: str


@dataclass(slots=True, kw_only=True)
class Reading:
    """What a reader made of a file; ``covers``: the first and last UTC day that it says it is about.

    ``goes_on``: all pages of the API that it has say that there is another one. ``cuts``: by what answers about a day
    are grouped (``values.grouped``).
    """

    format: str
    goes_on: bool = False
    covers: tuple[date, date] | None = None
    lines: list[Line] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    cuts: Mapping[Cut, set[str]] = field(default_factory=dict)


def read_rows(
    format_: str,
    rows: Iterable[Row],
    read_row: Callable[[Row], Iterable[Line]],
    identify: Callable[[Row], object] = lambda _: None,
) -> Reading:
    """All rows, numbered from 1. ``identify``: what names a row; None: nothing does, and equal rows may be two."""
    reading = Reading(format=format_)
    for number, row in enumerate(rows, start=1):
        try:
            lines = [replace(_agreeing(line), row=number) for line in read_row(row)]
            if lines:
                named = identify(row)
                identity = None if named is None else _digest(named)
                stated = _digest({name: value for name, value in row.items() if name != "bucket"})
                lines = [replace(line, identity=identity, stated=stated) for line in lines]
        except Unreadable as error:
            reading.refused.append(Refused(row=number, reason=error.reason, what=str(error)))
        except LeftOut as error:
            reading.left_out[error.reason] += 1
        else:
            reading.lines += lines
    return reading


def _agreeing(line: Line) -> Line:
    """The line. Raises Unreadable where usage is taken back and costs something."""
    quantity, amount = line.quantity or 0, line.amount or 0
    if line.charge == USAGE and quantity < 0 < amount:
        raise Unreadable(
            "contradiction",
            f"a quantity of {quantity:f} costs {amount:f}: usage that is taken back has a cost below 0, usage that is "
            "charged a quantity above 0",
        )
    return line


def labels(row: Row) -> object:
    """What names a result of an API: all that is grouped by, which is no number and no amount."""
    return {name: value for name, value in row.items() if name != "amount" and isinstance(value, str | bool)}


def _digest(told: object) -> str:
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def whose(named: str | None, wanted: str | None, otherwise: str) -> str:
    """The provider that a row names; ``wanted`` where it names none. Raises LeftOut of another one, Unreadable of none.

    ``otherwise``: what to do where nobody is named.
    """
    if wanted is not None and named not in (None, wanted):
        raise LeftOut(f"another provider ({named})")
    if not (provider := named or wanted):
        raise Unreadable("no_provider", otherwise)
    return provider


def results(pages: object) -> Iterator[Row]:
    """The results of the buckets of one or several pages of an API, each with its bucket beside it as ``bucket``.

    Raises Unreadable where the pages are built otherwise.
    """
    for bucket in buckets(pages):
        for result in _list(bucket, "results"):
            if not isinstance(result, Mapping):
                raise Unreadable("no_page", "each of `results` must be an object, as the API answers")
            yield {"bucket": bucket, **result}


def buckets(pages: object) -> Iterator[Row]:
    """The buckets of one or several pages of an API, those without results too. Raises Unreadable."""
    for page in pages if isinstance(pages, list) else [pages]:
        yield from _list(page, "data")


def _list(holder: object, name: str) -> list[Any]:
    found = holder.get(name) if isinstance(holder, Mapping) else None
    if not isinstance(found, list):
        raise Unreadable(
            "no_page",
            f"an answer of the API has a list `{name}`: save it as it comes, page by page; a table is given as CSV or "
            "Parquet",
        )
    return found
