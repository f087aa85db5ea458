"""``spanledger VERB …``: one module of this package per verb.

Exit codes: 0 ok; 1 a verdict of no (``demo`` and other verbs that judge); 2 could not run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from spanledger.errors import CannotRun
from spanledger.settings import SettingsError, load
from spanledger.signals import interrupted

VERBS = {
    "demo": "run everything, inject an incident, compare with the truth",
    "up": "run broker, gateway, worker and dashboard together",
    "broker": "run the local one-node Kafka",
    "gateway": "receive OTLP and hand it to Kafka",
    "worker": "turn spans from Kafka into the ledger",
    "dashboard": "serve the pages",
    "simulate": "send a believable workload with a known truth",
    "replay": "send captured OTLP files",
    "inspect": "show what we make of captured span files",
    "settle": "close the hours that are over",
    "reconcile": "hold the bills of providers against the books",
    "reprice": "price calls anew, as lines of their own",
    "report": "ask the lake a question",
    "export": "write a month of the books as FOCUS",
    "alerts": "list incidents; run the detectors over history",
    "prices": "show, check and compare prices; list what has none",
    "gpu-agent": "tell of the GPUs of this machine",
    "lake": "attach the lake to a DuckDB file",
}


def build_parser(chosen: str | None) -> argparse.ArgumentParser:
    """Parser of the command line; only the chosen verb's module is imported, so the others cost nothing."""
    parser = argparse.ArgumentParser(prog="spanledger", description="An exact ledger of LLM spend and outcome.")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings file (default: spanledger.toml)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, summary in VERBS.items():
        module = importlib.import_module(f"spanledger.{verb.replace('-', '_')}") if verb == chosen else None
        sub = verbs.add_parser(
            verb,
            help=summary,
            description=module.__doc__ if module else summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if module:
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def _verb(words: list[str]) -> str | None:
    """The first word that is neither a flag nor the value of one, where it is a verb."""
    parser = argparse.ArgumentParser(prog="spanledger", add_help=False)
    parser.add_argument("--settings")
    parser.add_argument("words", nargs=argparse.REMAINDER)
    found = parser.parse_known_args(words)[0].words
    return found[0] if found and found[0] in VERBS else None


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    from alerts.errors import AlertsError
    from ingest.errors import IngestError
    from processors.pricing.errors import BadPriceBook
    from warehouse.errors import WarehouseError

    words = sys.argv[1:] if argv is None else argv
    args = build_parser(_verb(words)).parse_args(words)
    flags = {name: value for name, value in vars(args).items() if "." in name}
    try:
        with interrupted():
            return int(args.run(args, load(file=args.settings, flags=flags)) or 0)
    except (SettingsError, CannotRun, IngestError, WarehouseError, BadPriceBook, AlertsError) as error:
        print(f"spanledger {args.verb}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        print(f"spanledger {args.verb}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
