"""Price calls anew, from the tokens that stand, with the prices and the price book of today.

    spanledger reprice --from 2026-10-01 --to 2026-11-01 --dry-run
    spanledger reprice --from 2026-10-01 --to 2026-11-01 --model gpt-4o

Shows by tenant and model what changes. The difference is booked as lines of their own; what was said before stays
readable (`report … --as-of-settlement N`). Calls that had no price get one the same way. What arrived since the last
settlement is settled first. --to is not included.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from spanledger.engines import add_engine_flag

if TYPE_CHECKING:
    from datetime import datetime

    from spanledger.settings import Settings
    from warehouse.reader import WarehouseSnapshot

_MOST_MODELS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument("--from", dest="start", metavar="TIME", required=True, help="first end of a call")
    parser.add_argument("--to", dest="end", metavar="TIME", required=True, help="first end of a call after")
    parser.add_argument("--model", metavar="MODEL", help="only calls of this model, as reports name it")
    parser.add_argument("--dry-run", action="store_true", help="show what would change; change nothing")
    add_engine_flag(parser)
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print what changes; 0 whatever it is."""
    from datetime import UTC, datetime

    from spanledger.answers import write_csv, write_json, write_table
    from spanledger.books import open_books
    from spanledger.progress import ProgressLine
    from warehouse.reader import Warehouse
    from warehouse.settle import reprice, settle

    window = _window(args.start, args.end)
    books = open_books(settings)
    with ProgressLine(sys.stderr) as line:
        if not args.dry_run:
            books.again(
                lambda: settle(
                    *books.of, engine=books.engine, now=datetime.now(UTC), actor="spanledger reprice", on_step=line.show
                )
            )
        found = books.again(
            lambda: reprice(
                *books.of,
                engine=books.engine,
                now=datetime.now(UTC),
                window=window,
                model=args.model,
                dry_run=args.dry_run,
                actor="spanledger reprice",
                on_step=line.show,
            )
        )
    if args.format == "table":
        write_table(found.changes, sys.stdout, columns=found.changes.column_names)
    else:
        {"json": write_json, "csv": write_csv}[args.format](found.changes, sys.stdout)
    done = found.settled
    verdict = f"settlement {done.number}, ${done.adjusted_usd:,.4f}" if done.number else "nothing was changed"
    print(f"{done.repriced} calls cost otherwise; {verdict}", file=sys.stderr)
    if args.model and not done.repriced:
        called = _models(Warehouse(settings.lake, engine=books.engine).snapshot(), window)
        if args.model not in called:
            said = [*called[:_MOST_MODELS], *["…"] * (len(called) > _MOST_MODELS)]
            print(f"no call of this time is of {args.model}; models: {', '.join(said) or 'none'}", file=sys.stderr)
    return 0


def _models(snapshot: WarehouseSnapshot, window: tuple[datetime, datetime]) -> list[str]:
    """Names of models that calls have in the hours of a window, settled or not."""
    from warehouse.questions.parameters import first_hour
    from warehouse.reader import ALL

    start = window[0].replace(minute=0, second=0, microsecond=0)
    end = first_hour(window[1])
    answers = [snapshot.ask(name, ALL, by="model", start=start, end=end) for name in ("spend", "settled-spend")]
    return sorted({name for answer in answers for name in answer["model"].to_pylist() if name})


def _window(start: str, end: str) -> tuple[datetime, datetime]:
    from spanledger.errors import CannotRun
    from warehouse.questions.parameters import parse_time

    times = []
    for flag, text in (("--from", start), ("--to", end)):
        try:
            times.append(parse_time(text))
        except ValueError as error:
            raise CannotRun(f"{flag} {text}: {error}") from error
    if times[0] >= times[1]:
        raise CannotRun(f"--from {start} must be before --to {end}")
    return times[0], times[1]
