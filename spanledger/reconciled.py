"""What ``spanledger reconcile`` says: bills told twice or replaced, what is left out, and the comparison."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    import pyarrow as pa

    from warehouse.invoices.answer import Compared
    from warehouse.invoices.gather import Sides
    from warehouse.invoices.replacing import Replacement
    from warehouse.invoices.told import Together
    from warehouse.invoices.twice import Twice

_SHOWN = ("ours_tokens", "theirs_tokens", "ours_usd", "theirs_usd", "difference_usd", "causes")
_FEW = 3
"""Accounts that a warning names."""
_CAPTURE = ("provider", "day", "ours_tokens", "theirs_tokens", "capture_rate", "difference_usd")


def say_left_out(sides: Sides) -> Iterator[str]:
    """What of the bills and of the books is not compared."""
    if sides.open_days:
        yield f"{sides.open_days} billed days are not settled to their end and left out"
    if markup := sides.markup():
        yield f"markups of ${float(markup):,.4f} in the books are left out: providers do not bill them"
    for version in sides.unread:
        yield f"the price book of {version} is not at hand: set worker.price_book, or its markups count as costs"


def say_together(sides: Sides) -> Iterator[str]:
    """A line for each provider whose accounts are compared together though a side names several."""
    from warehouse.invoices.told import accounts_together

    for provider in sorted({row["provider"] for row in sides.theirs}):
        one = accounts_together(sides.ours, sides.theirs, provider)
        if one is None:
            continue
        why, remedy = _why_together(one)
        named = f"has {_few(one.billed)}" if one.billed else f"has no accounts, our calls {_few(one.ours)}"
        yield (
            f"warning: {provider}: accounts are compared together: {why}; the bill {named}. What one of "
            f"them lacks and another has too many can cancel out here: {remedy}"
        )


def _why_together(one: Together) -> tuple[str, str]:
    """The reason, and what to do."""
    spans = "let spans name theirs (spanledger.provider.account)"
    if one.bare is not None:
        lines = "costs" if one.bare.are_costs else "counts of tokens"
        of = f" (of {one.bare.model}, {one.bare.day})" if one.bare.model else f" ({one.bare.day})"
        return f"{lines} of the bill name none{of}", "group costs and usage by project or workspace"
    if one.unnamed:
        return f"{one.unnamed} of {one.calls} calls of ours name none", spans
    return f"ours are {_few(one.ours)}, and none of them is on the bill", spans


def _few(names: Sequence[str]) -> str:
    more = len(names) - len(names[:_FEW])
    return ", ".join(names[:_FEW]) + (f" and {more} more" if more else "")


def say_twice(twice: Sequence[Twice]) -> Iterator[str]:
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


def say_replaced(replaced: Sequence[Replacement] | None) -> Iterator[str]:
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


def write_comparison(args: argparse.Namespace, compared: Sequence[Compared], by: Sequence[str]) -> None:
    """To the standard output or the file of the flags, in their format."""
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


def summary(compared: Sequence[Compared], share: float) -> str:
    """One line; ``share``: percent of the difference that nothing explains."""
    from warehouse.invoices.answer import as_table
    from warehouse.invoices.causes import CAUSES

    total = as_table(compared, ()).to_pylist()[0]
    parts = [f"{cause} ${total[f'{cause}_usd']:,.4f}" for cause in CAUSES if cause in total["causes"]]
    agreeing = sum(not one.causes for one in compared)
    said = f"{len(compared)} cells, {agreeing} agree; difference ${total['difference_usd']:,.4f}"
    said += f": {', '.join(parts)}" if parts else ""
    return f"{said}; unexplained {share:.2f} %"
