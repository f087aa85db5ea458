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
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    import pyarrow as pa

    from processors.pricing.book import PriceBook
    from spanledger.settings import Settings
    from warehouse.invoices.answer import Compared
    from warehouse.invoices.files import Asked, Bill
    from warehouse.invoices.gather import Sides
    from warehouse.invoices.replacing import Replacement
    from warehouse.invoices.twice import Twice

_SHOWN = ("ours_tokens", "theirs_tokens", "ours_usd", "theirs_usd", "difference_usd", "causes")
_CAPTURE = ("provider", "day", "ours_tokens", "theirs_tokens", "capture_rate", "difference_usd")


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
    bills = _read(args, rates)
    book = book_of(settings)
    sides = _both_sides(args, settings, bills, rates, book)
    compared = compare(sides, rate_of(book))
    for text in _say_left_out(sides):
        print(text, file=sys.stderr)
    if not compared:
        _fail_empty(sides)
    _write(args, compared, by)
    share = float(unexplained_share(compared)) * 100
    print(_summary(compared, share), file=sys.stderr)
    return 0 if share <= args.tolerance else 1


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
        for text in [*_say_twice(twice), *_say_replaced(replaced)]:
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


def _say_left_out(sides: Sides) -> Iterator[str]:
    """What of the bills and of the books is not compared."""
    if sides.open_days:
        yield f"{sides.open_days} billed days are not settled to their end and left out"
    if markup := sides.markup():
        yield f"markups of ${float(markup):,.4f} in the books are left out: providers do not bill them"
    for version in sides.unread:
        yield f"the price book of {version} is not at hand: set worker.price_book, or its markups count as costs"


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


def _say_twice(twice: Sequence[Twice]) -> Iterator[str]:
    """A line for each two files, or file, of which rows are given twice."""
    for one in twice:
        cost = "" if one.usd is None else f" of ${one.usd:,.4f}"
        said = f"{one.file}: {_lines(one.lines)}{cost}, the first in row {one.row}"
        where = f"in row {one.other_row}" + (f" of {one.other}" if one.other != one.file else "")
        if one.is_dropped:
            yield f"{said}, told before ({where}) and counted once"
        else:
            yield (
                f"warning: {said}, the same in every column as others before ({where}); nothing names these rows, so "
                "all are counted: if the bill has them once, take them out"
            )


def _say_replaced(replaced: Sequence[Replacement] | None) -> Iterator[str]:
    """A line a file of which something is replaced: what, and what of it stays."""
    if replaced == []:
        yield "nothing is replaced: no line that counts is of the same provider, account and days"
    for one in replaced or ():
        said = f"{one.file}: {_lines(one.replaced, one.replaced_from, one.replaced_to)} replaced"
        if one.outside:
            said += (
                f"; {_lines(one.outside, one.outside_from, one.outside_to)} staying: the new files do not cover them "
            )
            said += "(if they do, run again with --covers)"
        if one.others:
            said += (
                f"; {_lines(one.others)} between them staying: of accounts or charges that the new files do not have"
            )
        yield said


def _lines(count: int, first: date | None = None, last: date | None = None) -> str:
    days = {day.isoformat(): None for day in (first, last) if day}
    return f"{count} line{'s' * (count != 1)}" + (f" of {' to '.join(days)}" if days else "")


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


def _write(args: argparse.Namespace, compared: Sequence[Compared], by: Sequence[str]) -> None:
    from spanledger.answers import write_csv, write_json
    from warehouse.invoices.answer import as_table

    table = as_table(compared, by)
    if args.format == "parquet":
        _write_parquet(table, args.out)
        return
    out = args.out.open("w", encoding="utf-8", newline="") if args.out else sys.stdout
    try:
        if args.format == "table":
            _print_table(table, as_table(compared, ("provider", "day")), by, out)
        else:
            {"json": write_json, "csv": write_csv}[args.format](table, out)
    finally:
        if args.out:
            out.close()


def _write_parquet(table: pa.Table, out: Path | None) -> None:
    import pyarrow.parquet as pq

    if out is not None:
        pq.write_table(table, out)
        return
    with sys.stdout.buffer as sink:
        pq.write_table(table, sink)


def _print_table(table: pa.Table, capture: pa.Table, by: Sequence[str], out: TextIO) -> None:
    """Rows that differ, then how much of each provider's day the books have."""
    import pyarrow.compute as pc

    from spanledger.answers import write_table

    differing = table.filter(pc.greater(pc.list_value_length(table["causes"]), 0))
    write_table(differing, out, columns=[*by, *_SHOWN])
    out.write("\n")
    write_table(capture, out, columns=_CAPTURE)


def _summary(compared: Sequence[Compared], share: float) -> str:
    from warehouse.invoices.answer import as_table
    from warehouse.invoices.causes import CAUSES

    total = as_table(compared, ()).to_pylist()[0]
    parts = [f"{cause} ${total[f'{cause}_usd']:,.4f}" for cause in CAUSES if cause in total["causes"]]
    agreeing = sum(not one.causes for one in compared)
    said = f"{len(compared)} cells, {agreeing} agree; difference ${total['difference_usd']:,.4f}"
    said += f": {', '.join(parts)}" if parts else ""
    return f"{said}; unexplained {share:.2f} %"
