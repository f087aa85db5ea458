"""The check at a worker's start: what rows were priced with is still the beginning of the price book.

A worker with a book whose used entries were changed would price the same call otherwise than before, under versions
that nobody could take apart later. So it does not start. What else ``spanledger prices check`` has to say (an older
catalogue, entries for a time that is priced already) is logged.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path

from processors.pricing.entries import BookFile, read_book
from processors.pricing.errors import BadPriceBook
from processors.pricing.verdicts import UsedVersion, check_used, rewritten, take_apart
from warehouse.errors import LakeMissing, LakeUnavailable
from warehouse.reader import ALL, Warehouse
from warehouse.settings import LakeSettings

log = logging.getLogger("spanledger.worker")

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def used_versions(warehouse: Warehouse) -> list[UsedVersion]:
    """The price versions that rows of the lake have. Raises WarehouseError."""
    return [
        UsedVersion(
            version=row["price_version"],
            calls=row["calls"],
            last_us=(row["last_started_at"] - _EPOCH) // _MICROSECOND if row["last_started_at"] else 0,
        )
        for row in warehouse.ask("price_versions", ALL).to_pylist()
        if row["price_version"]
    ]


def hold_book(file: str | None, lake: LakeSettings) -> None:
    """Raises BadPriceBook where used entries of the book are not what they were: the text says what to change.

    Reads three columns of all spans. A lake that is not there yet has used nothing; one that cannot be read is told in
    the log and stops nobody here. Raises LakeMismatch.
    """
    book = read_book(Path(file).expanduser()) if file else BookFile()
    try:
        used = used_versions(Warehouse(lake))
    except LakeMissing:
        return
    except LakeUnavailable as error:
        log.warning("price book: not held to what was used: %s", error)
        return
    if broken := rewritten(book, used):
        name = f"price book {file}" if file else "worker.price_book is not set"
        raise BadPriceBook(f"{name}: {_what_to_change(book, broken, used)}")
    for finding in check_used(book, used):
        log.warning("price book: %s %s: %s", finding.level, finding.about, finding.finding)


def _what_to_change(book: BookFile, broken: Sequence[UsedVersion], used: Sequence[UsedVersion]) -> str:
    named = [parts.book for one in used if (parts := take_apart(one.version)) and parts.book]
    same = max(map(book.count, named), default=0)
    calls = sum(one.calls for one in broken)
    told = f"the first {same} of its entries stand, behind them" if same else "from its first entry on"
    return (
        f"{calls} calls of the lake were priced with entries that are no longer as they were ({told}): restore what was"
        f" changed, removed or put in between, and append a new [[price]] with a later `from` instead;"
        f" priced with {', '.join(one.version for one in broken)}"
    )
