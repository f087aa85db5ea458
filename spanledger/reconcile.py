"""Hold the bills of providers against the settled books, and say why they differ.

    spanledger reconcile openai-costs.json openai-usage.json --provider openai
    spanledger reconcile cur-00001.snappy.parquet cur-00002.snappy.parquet --provider aws --by provider,day
    spanledger reconcile invoice.csv --provider azure --rate EUR=1.08 --format json
    spanledger reconcile newer.csv --overlap replace --covers 2026-11-01..2026-11-30

Files are OpenAI's organization costs and usage, Anthropic's usage and cost reports, AWS CUR 2.0, FOCUS, or any table as
docs/reconcile.md says; what they are is found out. They are imported once each. Without files, what is imported already
is compared. Each difference (theirs - ours) has causes that add up to it. Days that are not settled are left out.

Exit code: 0 where all is explained within --tolerance, 1 where not, 2 where it could not run.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from spanledger.reconciled import say_left_out, say_replaced, say_together, say_twice, summary, write_comparison

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    from processors.pricing.book import PriceBook
    from spanledger.settings import Settings
    from warehouse.invoices.files import Asked, Bill
    from warehouse.invoices.gather import Sides


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="JSON, CSV or Parquet, JSON and CSV also .gz"
    )
    parser.add_argument("--provider", metavar="NAME", help="whose bill it is: openai, anthropic, aws, azure, google …")
    parser.add_argument("--from", dest="start", metavar="DAY", help="first UTC day; default: of the files")
    parser.add_argument("--to", dest="end", metavar="DAY", help="first UTC day after; default: of the files")
    parser.add_argument("--by", metavar="DIM,…", help="day, provider, account, model, token_kind, tier; default: all")
    parser.add_argument("--tolerance", type=float, default=0.5, metavar="PERCENT", help="default: 0.5")
    parser.add_argument("--rate", action="append", default=[], metavar="CUR=USD", help="USD for one of a currency")
    parser.add_argument("--made-at", metavar="TIME", help="when the bill was made; default: now")
    parser.add_argument(
        "--overlap", choices=("refuse", "replace", "add"), default="refuse",
        help="where the lake has the same days from other files: the new ones replace them, or add to them",
    )  # fmt: skip
    parser.add_argument(
        "--covers", metavar="DAY..DAY",
        help="first and last UTC day that newer exports replace; default: of their pages, else of their lines",
    )  # fmt: skip
    parser.add_argument("--skip-unreadable", action="store_true", help="go on without rows that cannot be read")
    parser.add_argument("--format", choices=("table", "json", "csv", "parquet"), default="table", help="default: table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of to the standard output")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Import, compare, print; the exit code is the verdict."""
    from spanledger.bill_names import rate_of
    from spanledger.prices import book_of
    from warehouse.invoices.answer import compare, parse_by, unexplained_share

    by = parse_by(args.by)
    rates = _rates(args.rate)
    _check_flags(args)
    bills = _read(args, rates)
    book = book_of(settings)
    sides = _both_sides(args, settings, bills, rates, book)
    compared = compare(sides, rate_of(book))
    for text in say_left_out(sides):
        print(text, file=sys.stderr)
    if not compared:
        _fail_empty(sides)
    for text in say_together(sides):
        print(text, file=sys.stderr)
    write_comparison(args, compared, by)
    share = float(unexplained_share(compared)) * 100
    print(summary(compared, share), file=sys.stderr)
    return 0 if share <= args.tolerance else 1


def _check_flags(args: argparse.Namespace) -> None:
    """What can be said of flags before anything is imported. Raises CannotRun."""
    from spanledger.errors import CannotRun
    from spanledger.prices import instant

    start, end = _day(args.start), _day(args.end)
    if start and end and start >= end:
        raise CannotRun(f"--from {args.start}: must be before --to {args.end}, which is the first day after")
    if not (math.isfinite(args.tolerance) and args.tolerance >= 0):
        raise CannotRun(f"--tolerance {args.tolerance:g}: must be a percentage from 0 on")
    if args.made_at:
        instant(args.made_at)
    _covers(args)
    if args.out and (args.out.is_dir() or not args.out.parent.is_dir()):
        raise CannotRun(f"--out {args.out}: must be a file in a folder that is there")


def _read(args: argparse.Namespace, rates: Mapping[str, Decimal]) -> list[Bill]:
    """The files; what cannot be read is counted by reason, and stops the run unless it may be skipped."""
    from spanledger.bill_names import bill_provider
    from spanledger.errors import CannotRun
    from warehouse.invoices.files import Asked
    from warehouse.invoices.imports import check_currencies

    provider = None
    if args.provider:
        provider = bill_provider(args.provider) or args.provider.strip().lower()
    bills = _open(args.files, Asked(provider=provider, name_provider=bill_provider))
    ended = {bill.reading.format for bill in bills if not bill.reading.goes_on}
    for bill in bills:
        if bill.reading.format not in ended:
            raise CannotRun(
                f"{bill.name}: the answer goes on (`has_more`): give its other pages too, as files beside it, "
                "or all of them in one file as a list"
            )
    unreadable = 0
    for bill in bills:
        refused = [*bill.reading.refused, *check_currencies(bill, rates)]
        unreadable += len(refused)
        for reason, count in Counter(one.reason for one in refused).items():
            first = next(one for one in refused if one.reason == reason)
            print(f"{bill.name}: {reason}: {count} rows, first row {first.row}: {first.what}", file=sys.stderr)
        for reason, count in bill.reading.left_out.items():
            print(f"{bill.name}: {count} rows about {reason} are left out", file=sys.stderr)
        bad = {one.row for one in refused}
        bill.reading.lines = [line for line in bill.reading.lines if line.row not in bad]
    if unreadable and not args.skip_unreadable:
        raise CannotRun(
            f"{unreadable} rows cannot be read, and nothing was imported: change what is said above, or give "
            "--skip-unreadable to go on without them"
        )
    return _each_once(bills)


def _open(files: Sequence[Path], asked: Asked) -> list[Bill]:
    """The bills in these files; of several that cannot be read, each is said with what to change."""
    from warehouse.invoices.files import BadInvoice, read_file

    bills, refused = [], []
    for path in files:
        try:
            bills.append(read_file(path, asked))
        except BadInvoice as error:
            refused.append(error)
    for one in refused[:-1]:
        print(one, file=sys.stderr)
    if refused:
        raise refused[-1]
    return bills


def _each_once(bills: Sequence[Bill]) -> list[Bill]:
    """The files; one that is given twice, under whatever name, is one."""
    kept: dict[str, Bill] = {}
    for bill in bills:
        if bill.sha256 in kept:
            print(f"{bill.name}: the same file as {kept[bill.sha256].name}: it counts once", file=sys.stderr)
        kept.setdefault(bill.sha256, bill)
    return list(kept.values())


def _rates(given: Sequence[str]) -> dict[str, Decimal]:
    from decimal import Decimal, InvalidOperation

    from spanledger.errors import CannotRun

    rates: dict[str, Decimal] = {}
    for text in given:
        currency, _, value = text.partition("=")
        try:
            rate = Decimal(value)
        except InvalidOperation:
            rate = Decimal(0)
        if not currency or not rate.is_finite() or rate <= 0:
            raise CannotRun(f"--rate {text}: must be like EUR=1.08, USD for one euro")
        rates[currency.strip().upper()] = rate
    return rates


def _both_sides(
    args: argparse.Namespace, settings: Settings, bills: Sequence[Bill], rates: Mapping[str, Decimal], book: PriceBook
) -> Sides:
    """Import what is new, and read both sides."""
    from datetime import UTC, datetime, timedelta

    from spanledger.bill_names import BookMarkups, bill_provider, model_key, our_provider
    from spanledger.focus_names import NOBODY
    from spanledger.prices import instant
    from warehouse.invoices.gather import Names, Scope, gather
    from warehouse.invoices.imports import Import, find_twice, import_bills
    from warehouse.invoices.replacing import find_replaced
    from warehouse.lake import Lake
    from warehouse.lake.identity import read_identity
    from warehouse.lake.place import Place
    from warehouse.reader import Warehouse

    read_identity(Place.of(settings.lake))  # no lake is made of nothing here
    Lake.open(settings.lake)
    made_at = instant(args.made_at) if args.made_at else None
    covers = _covers(args)
    if bills:
        how = Import(now=datetime.now(UTC), made_at=made_at, overlap=args.overlap, rates=rates, covers=covers)
        before = Warehouse(settings.lake).snapshot().snapshot
        replaced = find_replaced(settings.lake, before, bills, how)
        twice = find_twice(settings.lake, before, bills, how)
        for name, count in import_bills(settings.lake, before, bills, how).items():
            print(f"{name}: {count} lines imported" if count else f"{name}: imported already", file=sys.stderr)
        for text in [*say_twice(twice), *say_replaced(replaced)]:
            print(text, file=sys.stderr)
    lines = [line for bill in bills for line in bill.reading.lines]
    days = [line.charged_at.date() for line in lines]
    providers = frozenset(line.provider for line in lines)
    if args.provider and not bills:
        providers = frozenset({bill_provider(args.provider) or args.provider.strip().lower()})
    scope = Scope(
        providers=providers or None,
        start=_day(args.start) or (min(days) if days else None),
        end=_day(args.end) or (max(days) + timedelta(days=1) if days else None),
    )
    names = Names(provider=lambda provider, model: our_provider(provider, model) or NOBODY, model=model_key)
    return gather(Warehouse(settings.lake).snapshot().snapshot, settings.lake, names, scope, BookMarkups(book))


def _covers(args: argparse.Namespace) -> tuple[date, date] | None:
    """The days of ``--covers``. Raises CannotRun."""
    from spanledger.errors import CannotRun

    if args.covers is None:
        return None
    if args.overlap != "replace":
        raise CannotRun(f"--covers {args.covers}: says what newer exports replace; give --overlap replace too")
    first, last = (_day(text) for text in [*args.covers.split(".."), ""][:2])
    if first is None or last is None or last < first:
        raise CannotRun(f"--covers {args.covers}: must be a first and a last day like 2026-11-01..2026-11-30")
    return first, last


def _day(text: str | None) -> date | None:
    from spanledger.prices import instant

    return instant(text).date() if text else None


def _fail_empty(sides: Sides) -> None:
    from spanledger.errors import CannotRun

    if sides.closed_to is None:
        raise CannotRun("nothing is settled yet: run `spanledger settle` first")
    raise CannotRun(
        f"no day of the bills is settled to its end, or none is imported; the books are closed to "
        f"{sides.closed_to:%Y-%m-%d %H:%M}Z: run `spanledger settle`, or give --from and --to"
    )
