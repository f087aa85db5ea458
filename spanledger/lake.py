"""Look after the lake.

    spanledger lake attach ledger.duckdb

attach writes a DuckDB file with a view for every table of the lake, over one snapshot of its Parquet files; any DuckDB
client can open it, while the worker goes on. Its view `snapshot` says when it was taken; run it again to refresh it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanledger.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with the lake."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    attach = actions.add_parser(
        "attach",
        help="write a DuckDB file with views over one snapshot",
        epilog="example: spanledger lake attach ledger.duckdb",
    )
    attach.add_argument("file", type=Path, metavar="FILE.duckdb", help="file to write or refresh")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do it."""
    from warehouse.attach import attach

    snapshot = attach(settings.lake, args.file)
    print(f"{args.file}: the lake as of {snapshot.taken_at:%Y-%m-%d %H:%M:%S}Z", file=sys.stderr)
    return 0
