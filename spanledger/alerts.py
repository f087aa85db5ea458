"""List incidents: whose spend spiked, by how much, why, and whether it is over.

    spanledger alerts list
    spanledger alerts list --all --tenant acme --format json

The worst open one comes first. JSON and CSV hold every column, contributors included, and exact money as decimal text.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanledger.settings import Settings

COLUMNS = ("state", "severity", "signal", "opened_at", "resolved_at", "excess_usd", "summary")


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


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print incidents; 0 whatever they say."""
    from spanledger.answers import scope_of, write_csv, write_json, write_table
    from warehouse.reader import Warehouse

    found = Warehouse(settings.lake).ask("incidents", scope_of(args.tenant), state="all" if args.all else "open")
    if args.format == "json":
        write_json(found, sys.stdout)
    elif args.format == "csv":
        write_csv(found, sys.stdout)
    else:
        write_table(found, sys.stdout, columns=COLUMNS)
    return 0
