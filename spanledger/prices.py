"""Look at prices: what a model costs, whether the price book holds, what a change changes, what has no price.

    spanledger prices show gpt-4o --provider openai --tenant acme --at 2026-03-01
    spanledger prices check
    spanledger prices diff prices.toml next.toml
    spanledger prices unpriced --from 2026-03-01 --format json

The list prices are those of the installed package; the setting worker.price_book names a file of what differs from
them (docs/prices.md). Rows keep the price that they were given: nothing here changes one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from processors.pricing.book import Asked, PriceBook
    from processors.pricing.entries import BookFile
    from processors.pricing.verdicts import Finding
    from spanledger.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The four actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = _action(actions, "show", "what a model costs, and which entry of the book says so", "gpt-4o --tenant acme")
    show.add_argument("model", metavar="MODEL", help="as spans name it")
    show.add_argument("--provider", metavar="NAME", help="as spans name it; none = as the model's name says")
    show.add_argument("--tenant", metavar="TENANT", help="with the entries of this tenant")
    show.add_argument("--tier", metavar="TIER", help="service tier: batch, flex, priority …")
    show.add_argument("--at", metavar="TIME", help="when the call starts; default: now")
    check = _action(
        actions, "check", "whether the book is valid and was only appended to; 1 = no", "--against old.toml"
    )
    check.add_argument("book", nargs="?", metavar="BOOK", help="file to check; default: the setting worker.price_book")
    check.add_argument(
        "--against", metavar="OLD", help="an earlier version of the file that must still be its beginning"
    )
    diff = _action(
        actions, "diff", "what changes between two books, versions or dates", "list prices.toml --model openai/o1"
    )
    for name in ("before", "after"):
        help_ = "a book's FILE.toml, a date or time, a price_version of rows, or `list` for the catalogue alone"
        diff.add_argument(name, metavar=name.upper(), help=help_)
    diff.add_argument(
        "--model", action="append", metavar="PROVIDER/MODEL", help="instead of the models in use; repeatable"
    )
    unpriced = _action(
        actions, "unpriced", "calls of the lake without a price, and the nearest names", "--from 2026-03-01"
    )
    unpriced.add_argument("--from", dest="start", metavar="TIME", help="first instant")
    unpriced.add_argument("--to", dest="end", metavar="TIME", help="first instant after")
    for action in (diff, unpriced):
        action.add_argument("--tenant", action="append", metavar="TENANT", help="only this tenant; may be repeated")


def _action(actions: argparse._SubParsersAction, name: str, summary: str, example: str) -> argparse.ArgumentParser:  # type: ignore[type-arg]  # argparse has no public name
    action: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=summary, epilog=f"example: spanledger prices {name} {example}"
    )
    action.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")
    return action


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do one; only ``check`` gives a verdict."""
    from spanledger.price_changes import diff

    return {"show": _show, "check": _check, "diff": diff, "unpriced": _unpriced}[args.action](args, settings)


def _show(args: argparse.Namespace, settings: Settings) -> int:
    from processors.conventions.rules import server_by_name
    from processors.pricing.book import Asked
    from processors.pricing.shown import show_entries, show_rates

    book, served_by = book_of(settings), server_by_name(args.provider, args.model)
    asked = Asked(provider=served_by, model=args.model, tier=args.tier, tenant=args.tenant)
    at_us = micros(instant(args.at))
    rates, entries = show_rates(book, asked, at_us), show_entries(book, asked, at_us)
    if not rates.num_rows:
        _explain_nothing(book, asked)
    shown = ("kind", "above_input_tokens", "usd", "per", "list_usd", "source")
    if args.format != "table" or rates.num_rows:
        write(rates, args.format, shown)
    if args.format == "table" and entries.num_rows:
        print(end="\n" if rates.num_rows else "")
        write(entries, "table", entries.column_names)
    if args.format == "table" and not rates.num_rows and not entries.num_rows:
        return 0
    print(f"price version {book.version}", file=sys.stderr)
    return 0


def _explain_nothing(book: PriceBook, asked: Asked) -> None:
    from processors.pricing.shown import nearest_names, why_unpriced

    why = why_unpriced(book, asked, None)
    near = ", ".join(nearest_names(asked.provider, asked.model)) if why.startswith("unknown") else ""
    print(f"spanledger prices: {asked.model}: {why}" + (f"; nearest names: {near}" if near else ""), file=sys.stderr)


def _check(args: argparse.Namespace, settings: Settings) -> int:
    from processors.pricing.entries import read_book
    from processors.pricing.errors import BadPriceBook
    from processors.pricing.verdicts import Finding

    file = args.book or settings.worker.price_book
    try:
        book = read_book(Path(file).expanduser()) if file else _no_book()
        findings = _findings(book, args, settings)
    except BadPriceBook as error:
        findings = [Finding(level="problem", about=str(file), finding=str(error))]
    problems = sum(one.level == "problem" for one in findings)
    if not problems:
        about = f"{len(book.entries)} entries" if file else "no price book is set: list prices and own prices hold"
        findings.append(Finding(level="ok", about=str(file or "worker.price_book"), finding=about))
    write(_table(findings), args.format, ("level", "about", "finding"))
    return 1 if problems else 0


def _no_book() -> BookFile:
    from processors.pricing.entries import BookFile

    return BookFile()


def _findings(book: BookFile, args: argparse.Namespace, settings: Settings) -> list[Finding]:
    from dataclasses import replace

    from processors.pricing.entries import read_book
    from processors.pricing.start import used_versions
    from processors.pricing.verdicts import Finding, check_entries, check_prefix, check_used
    from warehouse.errors import LakeMissing
    from warehouse.reader import Warehouse

    findings = check_entries(book)
    if args.against and (old := read_book(Path(args.against).expanduser())).entries:
        findings += check_prefix(replace(book, earlier=()), old.fingerprints[-1], args.against)
    try:
        used = used_versions(Warehouse(settings.lake))
    except LakeMissing:
        return [*findings, Finding(level="note", about="lake", finding="there is none yet: no price was used")]
    return findings + check_used(book, used)


def _table(findings: Sequence[Finding]) -> pa.Table:
    import dataclasses

    import pyarrow as pa

    schema = pa.schema([pa.field(name, pa.string()) for name in ("level", "about", "finding")])
    return pa.Table.from_pylist([dataclasses.asdict(one) for one in findings], schema=schema)


def asked_of(row: dict[str, str], tenant: str | None = None) -> Asked:
    """What the row of a question asks for."""
    from processors.pricing.book import Asked

    return Asked(
        provider=row["provider"],
        model=row["model"] or "",
        tier=row["service_tier"],
        tenant=tenant,
    )


def _unpriced(args: argparse.Namespace, settings: Settings) -> int:
    import pyarrow as pa

    from processors.pricing.shown import nearest_names, why_unpriced
    from spanledger.answers import scope_of
    from warehouse.questions import load_question
    from warehouse.reader import Warehouse

    window = {name: value for name in ("start", "end") if (value := getattr(args, name)) is not None}
    load_question("unpriced").parse(window, {"start": "--from", "end": "--to"}.__getitem__)
    found = Warehouse(settings.lake).ask("unpriced", scope_of(args.tenant), **window)
    book, rows = book_of(settings), found.to_pylist()
    why = [why_unpriced(book, asked_of(row), row["price_status"]) for row in rows]
    unknown = [row["model"] and row["price_status"] != "usage_missing" for row in rows]
    near = [nearest_names(row["provider"], row["model"]) if n else [] for row, n in zip(rows, unknown, strict=True)]
    found = found.append_column("why", pa.array(why, pa.string()))
    found = found.append_column("nearest", pa.array(near, pa.list_(pa.string())))
    shown = ("provider", "model", "why", "calls", "input_tokens", "output_tokens", "first_at", "last_at", "nearest")
    write(found, args.format, shown)
    return 0


def book_of(settings: Settings) -> PriceBook:
    """The price book of the settings. Raises BadPriceBook."""
    from processors.pricing.book import PriceBook

    return PriceBook.from_settings(settings.worker.prices, settings.worker.price_book)


def instant(text: str | None) -> datetime:
    """An instant as a person writes it; none = now. Raises CannotRun."""
    from spanledger.errors import CannotRun
    from warehouse.questions.parameters import parse_time

    if text is None:
        return datetime.now(UTC)
    try:
        return parse_time(text)
    except ValueError as error:
        raise CannotRun(f"{text!r}: {error}") from error


def micros(instant: datetime) -> int:
    """Microseconds since 1970."""
    return int((instant - _EPOCH).total_seconds()) * 1_000_000 + instant.microsecond


def write(answer: pa.Table, form: str, columns: Sequence[str]) -> None:
    """An answer in a form; the table shows some columns."""
    from spanledger.answers import write_csv, write_json, write_table

    plain: dict[str, Callable[..., None]] = {"json": write_json, "csv": write_csv}
    if form in plain:
        plain[form](answer, sys.stdout)
    else:
        write_table(answer, sys.stdout, columns=columns)
