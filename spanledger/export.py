"""Write a month of the settled books in a format that others read.

    spanledger export focus --month 2026-11 --out november.parquet
    spanledger export focus --month 2026-11 --out november.csv --billing-account acme-llm

`focus` is FOCUS 1.2 (docs/focus.md): a row for each UTC day, kind of token, unit price and dimensions of the ledger,
CSV or Parquet as the name of the file ends. The costs add up to what is booked in the month, to the picodollar. What
is not in the file, as it is not settled or has no price, is said on the standard error.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, date
from pathlib import Path
from typing import TYPE_CHECKING

from spanledger.errors import CannotRun

if TYPE_CHECKING:
    from spanledger.settings import Settings
    from warehouse.focus import Exported

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_MOST_MODELS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument("what", choices=("focus",), help="the format")
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="the month that lines are booked in, UTC")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="a file .csv or .parquet")
    parser.add_argument("--billing-account", metavar="ID", help="BillingAccountId; default: the id of the lake")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Write the file, say what is in it and what is not."""
    from spanledger.answers import drafted
    from spanledger.focus_names import BookSellers
    from spanledger.hints import extent
    from spanledger.prices import book_of
    from warehouse.focus import Asked, export_month
    from warehouse.reader import Warehouse

    month = _month(args.month)
    kind = args.out.suffix.lower().removeprefix(".")
    if kind not in ("csv", "parquet"):
        raise CannotRun(f"--out {args.out}: must end in .csv or .parquet")
    lake = Warehouse(settings.lake)
    snapshot = lake.snapshot().snapshot
    with drafted(args.out) as draft:
        asked = Asked(
            month=month,
            account=args.billing_account or lake.lake_id,
            account_name=args.billing_account or "SpanLedger",
            out=draft,
            kind=kind,
        )
        done = export_month(snapshot, settings.lake, BookSellers(book_of(settings)), asked)
    for said in _said(done, asked.ends > done.closed_to, args.month):
        print(said, file=sys.stderr)
    if not done.rows:
        print(f"no priced call is booked in {args.month}; {extent('ledger', snapshot)}", file=sys.stderr)
    return 0


def _month(text: str) -> date:
    found = _MONTH.fullmatch(text)
    if found is None or found[1] == "0000":
        raise CannotRun(f"--month {text}: must be a month like 2026-10")
    return date(int(found[1]), int(found[2]), 1)


def _said(done: Exported, is_open: bool, month: str) -> list[str]:
    """A line for each thing to know."""
    said = [f"{done.rows} rows, ${done.billed_usd:f}, as of settlement {done.settlement}"]
    if is_open:
        closed = f"{done.closed_to.astimezone(UTC):%Y-%m-%d %H:%M}Z"
        cost = f", ${done.open_usd:f} provisional" if done.open_usd is not None else ""
        said.append(
            f"{month} is settled up to {closed}: {done.open_calls} calls since then{cost} are not in the file; "
            "run `spanledger settle` once the month is over, and export again"
        )
    elif not done.is_closed:
        said.append(
            f"{month} is open for bookings, and what comes late will change it; "
            f"`spanledger settle --close-month {month}` makes it final"
        )
    elif done.rows and not done.is_kept:
        said.append(
            f"{month} was closed by a version that did not keep its rows: list prices, sellers and names are those of "
            "the price book and catalogue of now; the next `spanledger settle --close-month` keeps them for good"
        )
    if done.unpriced:
        models = [f"{model or 'no model named'}: {calls}" for model, calls in done.unpriced.items()]
        more = f" and {len(models) - _MOST_MODELS} more" if len(models) > _MOST_MODELS else ""
        said.append(
            f"{sum(done.unpriced.values())} calls have no price and no rows, as FOCUS has no unknown cost "
            f"({', '.join(models[:_MOST_MODELS])}{more}); `spanledger prices unpriced` says why, "
            "and `spanledger reprice` books what they cost once the price book has a price"
        )
    if done.mixed:
        said.append(f"{done.mixed} rows have no unit price: requests, or calls of several prices in one ledger line")
    return said
