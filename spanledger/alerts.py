"""Incidents: whose spend spiked, by how much, why, and whether it is over; and what would have been told of a history.

    spanledger alerts list
    spanledger alerts list --all --tenant acme --format json
    spanledger alerts show 5f2a
    spanledger alerts ack 5f2a --note "key is being changed"
    spanledger alerts silence 5f2a --for 4h
    spanledger alerts feedback 5f2a expected
    spanledger alerts test oncall
    spanledger alerts backtest usage.parquet --calendar calendar.toml --false-alerts-per-tenant-week 0.1 --format jsonl

`list` puts the worst open one first; JSON and CSV hold every column, contributors included, and exact money as decimal
text. `show`, `ack`, `silence` and `feedback` take an incident's id or the beginning of it. `test` sends a message that
says that it is a test to one channel. `backtest` steps through a file of usage by minute, one line per incident as it
was known when it opened.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from spanledger.incidents import add_people

if TYPE_CHECKING:
    from spanledger.settings import Settings

COLUMNS = ("incident", "state", "severity", "signal", "opened_at", "resolved_at", "excess_usd", "summary")
SHORT = 8
"""Characters of an incident's id that a table shows; enough to name it by."""
BACKTEST_COLUMNS = ("opened_at", "resolved_at", "severity", "signal", "tenant", "feature", "model", "principal",
                    "observed_usd", "expected_usd", "excess_usd")  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list",
        help="print incidents",
        description="Print incidents, the worst first.",
        epilog="example: spanledger alerts list --all --format json",
    )
    listing.add_argument("--all", action="store_true", help="resolved ones too")
    listing.add_argument("--tenant", action="append", metavar="TENANT", help="only of this tenant; may be repeated")
    listing.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")
    listing.set_defaults(act=_list)
    add_people(actions)
    trial = actions.add_parser(
        "test",
        help="send a test message to a channel",
        description="Send a message that says that it is a test, as an incident that opens and is over at once. "
        "CHANNEL is the name of a channel of the settings; without one the names are listed.",
        epilog="example: spanledger alerts test oncall",
    )
    trial.add_argument("channel", nargs="?", metavar="CHANNEL", help="name of a channel")
    trial.set_defaults(act=_test)
    _add_backtest(actions.add_parser(
        "backtest",
        help="run the detectors over a file of usage",
        description="Print what would have been told, one line per incident as it was known when it opened. USAGE has "
        "a row per minute (UTC) and series: minute, tenant, feature, provider, model, principal (any may be null), "
        "calls, input_tokens, cached_input_tokens, output_tokens, cost_usd; in any order.",
        epilog="example: spanledger alerts backtest usage.parquet --calendar calendar.toml --format jsonl",
    ))  # fmt: skip


def _add_backtest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("usage", type=Path, metavar="USAGE.parquet", help="usage by minute")
    parser.add_argument("--calendar", type=Path, metavar="FILE.toml", help="announced events: [[event]] tables")
    parser.add_argument("--false-alerts-per-tenant-week", type=float, default=0.5, metavar="N",
                        help="how many false alerts are bearable, 0.02 to 5 (default: 0.5)")  # fmt: skip
    parser.add_argument("--min-excess-usd", type=float, default=0.15, metavar="USD",
                        help="smallest excess that opens an incident (default: 0.15)")  # fmt: skip
    parser.add_argument("--format", choices=("table", "jsonl"), default="table", help="default: table")
    parser.set_defaults(act=_backtest)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print; 0 whatever it says."""
    return int(args.act(args, settings))


def _list(args: argparse.Namespace, settings: Settings) -> int:
    import pyarrow as pa

    from spanledger.answers import scope_of, write_csv, write_json, write_table
    from warehouse.reader import Warehouse

    found = Warehouse(settings.lake).ask("incidents", scope_of(args.tenant), state="all" if args.all else "open")
    if args.format == "json":
        write_json(found, sys.stdout)
    elif args.format == "csv":
        write_csv(found, sys.stdout)
    else:
        names = [name[:SHORT] for name in found["incident_id"].to_pylist()]
        write_table(found.append_column("incident", pa.array(names, pa.string())), sys.stdout, columns=COLUMNS)
    return 0


def _test(args: argparse.Namespace, settings: Settings) -> int:
    from datetime import UTC, datetime

    from alerts.errors import ChannelDown
    from alerts.routing.file import open_channels
    from alerts.trial import trial_events
    from spanledger.errors import CannotRun

    channels = {one.channel.name: one.channel for one in open_channels(settings.alerts)}
    if args.channel is None:
        print("\n".join(channels) or "no channels: set alerts.channels, alerts.webhook_url or alerts.alertmanager_url")
        return 0
    if args.channel not in channels:
        raise CannotRun(f"no channel {args.channel!r}; there are {', '.join(channels) or 'none'}")
    now = datetime.now(UTC)
    try:
        for event in trial_events(now):
            channels[args.channel].send(event, now)
    except ChannelDown as error:
        print(f"{args.channel} did not take it: {error}", file=sys.stderr)
        return 1
    print(f"{args.channel} took it")
    return 0


def _backtest(args: argparse.Namespace, _: Settings) -> int:
    import pyarrow as pa

    from alerts.backtest import as_line, backtest
    from alerts.calendar import read_calendar
    from alerts.signals.bars import LEAST_BUDGET, MOST_BUDGET
    from alerts.signals.leaves import DIMENSIONS
    from alerts.usage_file import read_usage
    from spanledger.answers import write_table
    from spanledger.errors import CannotRun

    budget, least_usd = args.false_alerts_per_tenant_week, args.min_excess_usd
    if not LEAST_BUDGET <= budget <= MOST_BUDGET:
        raise CannotRun(f"--false-alerts-per-tenant-week {budget:g}: must be {LEAST_BUDGET:g} to {MOST_BUDGET:g}")
    if not 0 < least_usd < float("inf"):
        raise CannotRun(f"--min-excess-usd {least_usd:g}: must be above 0")
    calendar = read_calendar(args.calendar) if args.calendar else ()
    usage = read_usage(args.usage)
    unpriced = usage["cost_usd"].null_count
    if unpriced:
        print(
            f"{unpriced} of {usage.num_rows} rows have no cost: their spend is unknown and not watched", file=sys.stderr
        )
    lines = [as_line(episode) for episode in backtest(usage, calendar, budget=budget, least_usd=least_usd)]
    if args.format == "jsonl":
        for line in lines:
            print(json.dumps(line, ensure_ascii=False))
    elif lines:
        shown = [{**line, **{name: line[name] or "all" for name in DIMENSIONS}} for line in lines]
        write_table(pa.Table.from_pylist(shown), sys.stdout, columns=BACKTEST_COLUMNS)
    else:
        print("nothing would have been told")
    return 0
