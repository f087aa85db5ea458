"""Close the hours that are over: their numbers become final, and agree with the bill.

    spanledger settle
    spanledger settle --until 2026-11-01
    spanledger settle --close-month 2026-10
    spanledger settle --format json

An hour is over when everything that ended in it has had `settle.lateness_minutes` to arrive. What comes later reopens
it: the difference is a line of its own. May run beside workers and beside itself, as often as you like: what is
settled already adds nothing. --close-month closes a month for bookings too: what comes later about its hours is booked
in the next one. JSON is one object; of a month that was closed `month_number` is the settlement that did it, 0 = it was
closed already, null = it could not be closed: exit code 2, and what was settled before that stands and is told.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from spanledger.engines import add_engine_flag

if TYPE_CHECKING:
    from datetime import date

    from spanledger.settings import Settings
    from warehouse.settle import Settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument("--until", metavar="TIME", help="close no hour from here on (a date or an RFC 3339 time)")
    parser.add_argument("--close-month", metavar="YYYY-MM", help="close this month, and all before it, for bookings")
    add_engine_flag(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Settle once and say what was done."""
    from dataclasses import asdict

    from spanledger.answers import plain

    month = _month(args.close_month) if args.close_month else None
    done = _settle(args.until, settings)
    closed = None
    try:
        closed = _close_month(month, settings) if month is not None else None
    finally:  # whatever becomes of the month, the settlement stands
        if args.format == "json":
            said = asdict(done)
            if closed is not None:
                said["months_closed_to"] = closed.months_closed_to
            if month is not None:
                said["month_number"] = closed.number if closed is not None else None
            print(json.dumps({name: plain(value) for name, value in said.items()}))
        else:
            print(_say(done))
            if closed is not None:
                print(f"all months before {closed.months_closed_to:%Y-%m} are closed for bookings")
    return 0


def _settle(until: str | None, settings: Settings) -> Settled:
    from datetime import UTC, datetime

    from spanledger.books import open_books
    from spanledger.errors import CannotRun
    from spanledger.progress import ProgressLine
    from warehouse.questions.parameters import parse_time
    from warehouse.settle import settle

    try:
        end = parse_time(until) if until else None
    except ValueError as error:
        raise CannotRun(f"--until {until}: {error}") from error
    books = open_books(settings)
    with ProgressLine(sys.stderr) as line:
        return books.again(
            lambda: settle(
                *books.of,
                engine=books.engine,
                now=datetime.now(UTC),
                until=end,
                actor="spanledger settle",
                on_step=line.show,
            )
        )


def _month(text: str) -> date:
    from datetime import date

    from spanledger.errors import CannotRun

    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise CannotRun(f"--close-month {text}: must be a month like 2026-10") from error


def _close_month(month: date, settings: Settings) -> Settled:
    from datetime import UTC, datetime

    from spanledger.books import open_books
    from spanledger.focus_names import BookSellers
    from spanledger.prices import book_of
    from warehouse.settle import close_month

    books, sellers = open_books(settings), BookSellers(book_of(settings))
    return books.again(
        lambda: close_month(
            *books.of,
            sellers,
            engine=books.engine,
            month=month,
            now=datetime.now(UTC),
            actor="spanledger settle --close-month",
        )
    )


def _say(done: Settled) -> str:
    if not done.number and done.closed_to.timestamp() <= 0:
        return "nothing is settled yet: the lake has no calls of an hour that is over"
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
    if done.late_alone:
        said += f", {done.late_alone} of them so late that they were booked without the spans they may belong to"
    if done.late_samples:
        said += f"; {done.late_samples} samples of GPUs came too late to divide anything"
    if done.homeless_outcomes:
        said += f"; {done.homeless_outcomes} outcomes are about no task that there is"
    return said
