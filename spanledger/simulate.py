"""Send a believable multi-tenant workload to the gateway, and write down the exact truth of what arrived.

The spans are made by the OpenTelemetry SDK and exported by its stock OTLP exporter. First comes the history (back-dated
spans, as fast as possible), then the live part at the pace of the clock; without --for that one runs until
stopped. The truth counts what the gateway acknowledged: spans, calls, tokens, cost to the picodollar, incidents.

Incidents: retry_loop, prompt_bloat, runaway_agent, key_leak, model_swap, traffic_surge; each makes one feature spend
10 to 15 times what its busiest hour does. Times count from the start of the live part; negative ones lie before it.

Examples:
  spanledger simulate --rate 2 --for 60
  spanledger simulate --history 24 --rate 0.5 --for 90 --incident retry_loop:acme/support-chat@20+60 --truth truth.json
  spanledger simulate --history 48 --for 0 --incident prompt_bloat@-6h+30m --seed 7
  spanledger simulate --backfill 30d --for 0 --truth truth.json
  spanledger simulate --history 3 --for 0 --gpus --truth truth.json
  spanledger simulate --for 60 --api-key acme=s3cret --api-key globex=t0psecret
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from spanledger.errors import CannotRun

if TYPE_CHECKING:
    import threading

    from ingest.simulator import Progress, Target, Truth, Workload
    from spanledger.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument("--endpoint", metavar="URL", help="base URL of the gateway (default: this machine's)")
    parser.add_argument("--grpc", action="store_true", help="send OTLP/gRPC instead of OTLP/HTTP")
    parser.add_argument(
        "--api-key",
        action="append",
        default=[],
        metavar="[TENANT=]KEY",
        help="key of one tenant, or of all; repeatable",
    )
    parser.add_argument(
        "--rate", type=float, default=1.0, metavar="CALLS", help="model calls a second, weekly mean (1)"
    )
    parser.add_argument(
        "--for",
        type=float,
        dest="live_s",
        metavar="SECONDS",
        help="length of the live part; 0 = none (default: until stopped)",
    )
    parser.add_argument(
        "--history", type=float, default=0.0, metavar="HOURS", help="back-dated hours to play first (0)"
    )
    parser.add_argument(
        "--backfill",
        type=length_s,
        default=0.0,
        metavar="LENGTH",
        help="weeks before that as fast as they go, like 30d or 12h: copies of some played tasks (0)",
    )
    parser.add_argument(
        "--incident",
        action="append",
        default=[],
        metavar="KIND[:TENANT/FEATURE][@START[+DURATION]]",
        help="what goes wrong, where, when and how long (@10+60); repeatable",
    )
    parser.add_argument(
        "--gpus", action="store_true", help="send samples of four GPUs too, which some of the calls run on"
    )
    parser.add_argument("--truth", type=Path, metavar="FILE", help="where to write the truth as JSON")
    parser.add_argument("--seed", help="same seed and start, same spans, ids included (default: a fresh one, printed)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Simulate and write the truth, also of what was acknowledged before a failure."""
    import sys

    from ingest.simulator import Simulation
    from spanledger.files import check_writable
    from spanledger.progress import ProgressLine

    check_writable(args.truth, "the truth")
    keys = dict(_tenant_and_key(text) for text in args.api_key)
    workload, target = _workload(args), target_of(args.endpoint, keys, settings, grpc=args.grpc)
    if args.backfill and args.grpc:
        raise CannotRun("--backfill goes over OTLP/HTTP: leave --grpc")
    print(f"simulate: seed {workload.seed}, to {target.endpoint}", file=sys.stderr)
    line = ProgressLine(sys.stderr)

    def show(progress: Progress) -> None:
        line.show(f"{progress.part}: {progress.spans:,} spans, {progress.elapsed_s:,.0f} s", progress.done)

    with stop_on_signals() as stop:
        simulation = Simulation(
            workload,
            target.exporter,
            stop=stop,
            on_progress=show,
            metrics=target.metric_exporter,
            batches=target.batch_exporter,
        )
        try:
            with line:
                simulation.run()
        finally:
            _keep(simulation.truth(), args.truth)
        if not stop.is_set() and not simulation.truth().spans:
            raise CannotRun("nothing was sent: no task fits into that time; raise --for, --history or --rate")
    return 0


def length_s(text: str) -> float:
    """Seconds of 30d, 12h or 90m; hours where no unit stands. Raises ArgumentTypeError."""
    unit_s = {"m": 60.0, "h": 3600.0, "d": 86_400.0}.get(text[-1:])
    try:
        return float(text[:-1]) * unit_s if unit_s else float(text) * 3600.0
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no length; write it like 30d or 12h") from error


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM, SIGHUP and SIGINT set, instead of what they did before."""
    import signal
    import threading

    from spanledger.signals import ending

    stop = threading.Event()
    numbers = (*ending(), signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _workload(args: argparse.Namespace) -> Workload:
    import secrets

    from ingest.simulator import IncidentSpec, Workload

    try:
        return Workload(
            calls_per_s=args.rate,
            seed=args.seed or secrets.token_hex(4),
            backfill_s=args.backfill,
            history_s=args.history * 3600,
            live_s=args.live_s,
            incidents=tuple(IncidentSpec.parse(text) for text in args.incident),
            gpus=args.gpus,
        )
    except ValueError as error:
        raise CannotRun(str(error)) from error


def target_of(endpoint: str | None, api_keys: Mapping[str, str], settings: Settings, *, grpc: bool) -> Target:
    """The gateway of ``endpoint``, else of this machine; ``api_keys`` by tenant."""
    from ingest.simulator import Target

    port = settings.gateway.grpc_port if grpc else settings.gateway.http_port
    host = f"[{settings.gateway.host}]" if ":" in settings.gateway.host else settings.gateway.host
    try:
        return Target(
            endpoint=endpoint or f"http://{host}:{port}",
            grpc=grpc,
            api_keys=api_keys,
        )
    except ValueError as error:
        raise CannotRun(f"--endpoint {error}") from error


def _tenant_and_key(text: str) -> tuple[str, str]:
    """A key may hold an equals sign itself: only a known tenant before it is one."""
    from ingest.simulator import EVERY_TENANT, TENANTS

    tenant, _, key = text.partition("=")
    return (tenant, key) if tenant in TENANTS else (EVERY_TENANT, text)


def _keep(truth: Truth, file: Path | None) -> None:
    """Say what arrived, and write it down."""
    import sys

    from spanledger.files import write

    cost = "unknown" if truth.cost_usd is None else f"{truth.cost_usd:f}"
    print(f"acknowledged: {truth.spans} spans, {truth.calls} calls, {cost} USD", file=sys.stderr)
    if file is None:
        return
    write(file, truth.to_json() + "\n", "the truth")
