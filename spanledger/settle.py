"""Close the hours that are over: their numbers become final, and agree with the bill.

    spanledger settle
    spanledger settle --until 2026-11-01
    spanledger settle --format json

An hour is over when everything that ended in it has had `settle.lateness_minutes` to arrive. What comes later reopens
it: the difference is a line of its own. May run beside workers and beside itself, as often as you like: what is
settled already adds nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanledger.settings import Settings
    from warehouse.settle import Settled

TRIES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument("--until", metavar="TIME", help="close no hour from here on (a date or an RFC 3339 time)")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Settle once and say what was done."""
    from dataclasses import asdict

    from spanledger.answers import plain

    done = _settle(args.until, settings)
    if args.format == "json":
        said = asdict(done) | {"reopened": sorted(done.reopened), "hours_reopened": len(done.reopened)}
        print(json.dumps({name: plain(value) for name, value in said.items()}))
    else:
        print(_say(done))
    return 0


def _settle(until: str | None, settings: Settings) -> Settled:
    from datetime import UTC, datetime

    from processors.pricing.book import PriceBook
    from processors.pricing.settled import pricing_of
    from processors.pricing.start import hold_book
    from spanledger.errors import CannotRun
    from spanledger.progress import ProgressLine
    from warehouse.lake import Lake
    from warehouse.lake.identity import read_identity
    from warehouse.lake.place import Place
    from warehouse.questions.parameters import parse_time
    from warehouse.settle import Overtaken, settle

    try:
        end = parse_time(until) if until else None
    except ValueError as error:
        raise CannotRun(f"--until {until}: {error}") from error
    read_identity(Place.of(settings.lake))  # no lake is made of nothing here
    lake = Lake.open(settings.lake)
    hold_book(settings.worker.price_book, settings.lake)
    pricing = pricing_of(PriceBook.from_settings(settings.worker.prices, settings.worker.price_book))
    with ProgressLine(sys.stderr) as line:
        for attempt in range(1, TRIES + 1):
            try:
                return settle(
                    lake, settings.lake, settings.settle, pricing,
                    now=datetime.now(UTC), until=end, actor="spanledger settle", on_step=line.show,
                )  # fmt: skip
            except Overtaken:
                if attempt == TRIES:
                    raise
    raise AssertionError


def _say(done: Settled) -> str:
    if not done.number:
        return f"nothing new; all hours before {done.closed_to:%Y-%m-%d %H:%M}Z are closed"
    said = f"settlement {done.number}: {done.hours} hours closed, ${done.settled_usd:,.4f}; "
    said += f"all hours before {done.closed_to:%Y-%m-%d %H:%M}Z are closed"
    if done.reopened:
        said += f"; {len(done.reopened)} closed hours changed by ${done.adjusted_usd:,.4f}"
    if done.suppressed:
        said += f"; {done.suppressed} calls were told twice"
    if done.late_spans:
        said += f"; {done.late_spans} spans came late"
    return said
