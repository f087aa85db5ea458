"""Send captured OTLP files again: to the gateway, or straight to Kafka.

A file holds OTLP requests as protobuf or JSON (told apart by the first byte), a JSON file one, or one per line. Prints
what became of each file; a refused one is named with the reason. Exits 0 whatever was refused, 2 where nothing answers.

Examples:
  spanledger replay capture.pb more/*.json
  spanledger replay capture.pb --repeat 100 --fresh-ids --rate 20 --api-key s3cret
  spanledger replay capture.pb --kafka --format json
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from spanledger.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingest.replay import Capture, HttpSink, KafkaSink, Plan, Sent
    from spanledger.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="captured OTLP requests")
    parser.add_argument("--endpoint", metavar="URL", help="base URL of the gateway (default: this machine's)")
    parser.add_argument("--api-key", metavar="KEY", help="API key for the gateway")
    parser.add_argument("--kafka", action="store_true", help="send to Kafka itself; believed where spans are believed")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="send every file N times (1)")
    parser.add_argument("--rate", type=float, metavar="REQUESTS", help="requests a second (default: as fast as taken)")
    parser.add_argument("--fresh-ids", action="store_true", help="new trace and span ids, so that each time counts")
    parser.add_argument(
        "--signal", choices=("traces", "metrics", "logs"), default="traces", help="what protobuf files hold (traces)"
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help="of the summary (table)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Replay and print the summary."""
    import asyncio
    import random
    import sys

    from ingest.replay import Plan
    from spanledger.progress import ProgressLine

    if args.repeat < 1 or (args.rate is not None and args.rate <= 0):
        raise CannotRun("--repeat must be at least 1, --rate more than 0")
    captures = _read(args.files, args.signal)
    ids = random.SystemRandom() if args.fresh_ids else None
    plan = Plan(repeat=args.repeat, requests_per_s=args.rate, ids=ids)
    total = args.repeat * sum(len(capture.requests) for capture in captures)
    with ProgressLine(sys.stderr) as line:
        send = _send(captures, _sink(args, settings), plan, lambda n: line.show(f"{n:,} of {total:,}", n / total))
        sent = asyncio.run(send)
    _print(sent, args.format)
    return 0


def _read(files: Sequence[str], signal: str) -> list[Capture]:
    from ingest.replay import read_capture

    try:
        return [read_capture(file, signal=signal) for file in files]
    except OSError as error:
        raise CannotRun(f"cannot read {error.filename}: {error.strerror}") from error


def _sink(args: argparse.Namespace, settings: Settings) -> HttpSink | KafkaSink:
    from ingest.replay import HttpSink, KafkaSink

    if args.kafka:
        return KafkaSink(settings.kafka)
    endpoint = args.endpoint or f"http://{settings.gateway.host}:{settings.gateway.http_port}"
    return HttpSink(endpoint, {"x-api-key": args.api_key} if args.api_key else {})


async def _send(
    captures: Sequence[Capture], sink: HttpSink | KafkaSink, plan: Plan, on_sent: Callable[[int], None]
) -> list[Sent]:
    from ingest.replay import send_captures

    async with sink:
        return await send_captures(captures, sink, plan, on_sent)


def _print(sent: Sequence[Sent], form: str) -> None:
    import dataclasses
    import sys

    import pyarrow as pa

    from spanledger.answers import write_csv, write_json, write_table

    schema = pa.schema(
        [
            *(pa.field(name, pa.string()) for name in ("source_file", "format", "signal")),
            *(pa.field(name, pa.int64()) for name in ("requests", "accepted", "refused", "spans", "rejected")),
            pa.field("reason", pa.string()),
        ]
    )
    answer = pa.Table.from_pylist([dataclasses.asdict(one) for one in sent], schema=schema)
    if form == "table":
        write_table(answer, sys.stdout, columns=schema.names)
    else:
        {"json": write_json, "csv": write_csv}[form](answer, sys.stdout)
