"""Serve the pages: what is spent, by whom and on what; whether the pipeline is healthy and how fresh.

Prints the address once the pages answer and serves them until SIGTERM or Ctrl-C. Only lake and settings are read.

example:
  SPANLEDGER_LAKE=./lake spanledger dashboard --port 0 --tenants acme,globex
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboards.handover import Handover
    from spanledger.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("--host", dest="dashboard.host", help="address to listen on")
    parser.add_argument("--port", dest="dashboard.port", type=int, help="port of the pages; 0 = a free one")
    parser.add_argument("--tenants", dest="dashboard.tenants", help="tenants the pages may show, comma-separated")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Serve until told to stop; 0 after SIGTERM."""
    from dashboards.errors import DashboardError
    from dashboards.serve import serving
    from ingest.leash import leash
    from spanledger.errors import CannotRun
    from spanledger.signals import ending

    for number in ending():
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with serving(_handover(args, settings), leash=leash()) as pages:
            print(f"The pages are at {pages.url}", flush=True)
            pages.wait()
    except DashboardError as error:
        raise CannotRun(str(error)) from error
    return 0


def _handover(args: argparse.Namespace, settings: Settings) -> Handover:
    from dashboards.handover import Handover

    given = ("--settings", str(args.settings.absolute())) if args.settings else ()
    command = (sys.executable, "-m", "spanledger", *given)
    return Handover(lake=settings.lake, dashboard=settings.dashboard, settle=settings.settle, command=command)
