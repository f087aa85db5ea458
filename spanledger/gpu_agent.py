"""Tell of the GPUs of this machine: how busy they are, their memory, power, energy and memory errors.

Reads NVIDIA's management library (`pip install 'spanledger[gpu]'`) and sends OpenTelemetry's hw.gpu.* metrics to the
gateway, or to any other receiver of OTLP. It needs no root. Where dcgm-exporter runs already, use that instead: it
knows of MIG and of Kubernetes' pods. A machine without a GPU says so in one line, exit code 2.

Examples:
  spanledger gpu-agent
  spanledger gpu-agent --endpoint http://gateway.internal:4318 --api-key s3cret --every 30
  spanledger gpu-agent --once
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from spanledger.errors import CannotRun

if TYPE_CHECKING:
    from ingest.gpus.nvml import Nvml
    from spanledger.settings import Settings

SHORTEST_S, LONGEST_S = 1.0, 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument("--endpoint", metavar="URL", help="base URL of the gateway (default: this machine's)")
    parser.add_argument("--grpc", action="store_true", help="send OTLP/gRPC instead of OTLP/HTTP")
    parser.add_argument("--api-key", metavar="KEY", help="key of the gateway, one with gpus = true")
    parser.add_argument("--host", metavar="NAME", help="name of this machine (default: its own)")
    parser.add_argument("--every", type=float, default=15.0, metavar="SECONDS", help="time between exports (15)")
    parser.add_argument("--once", action="store_true", help="ask for a second, export once and end")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Export until stopped."""
    import socket
    import time

    from ingest.gpus.agent import POLL_S, GpuAgent
    from ingest.gpus.nvml import Gpus
    from spanledger.simulate import stop_on_signals, target_of

    if not SHORTEST_S <= args.every <= LONGEST_S:
        raise CannotRun(
            f"--every {args.every:g}: must be {SHORTEST_S:g} to {LONGEST_S:g} seconds; a sample speaks for five minutes"
        )
    target = target_of(args.endpoint, {"": args.api_key} if args.api_key else {}, settings, grpc=args.grpc)
    agent = GpuAgent(Gpus(_nvml()), target.metric_exporter(), host=args.host or socket.gethostname())
    try:
        if args.once:
            agent.poll()
            time.sleep(POLL_S)
            agent.poll()
            if not agent.export():
                raise CannotRun(f"{target.endpoint} took nothing; check --endpoint and --api-key")
        else:
            with stop_on_signals() as stop:
                agent.run(every_s=args.every, stop=stop)
    finally:
        agent.close()
    return 0


def _nvml() -> Nvml:
    try:
        import pynvml
    except ImportError as error:
        raise CannotRun("nvidia-ml-py is not installed: pip install 'spanledger[gpu]'") from error
    nvml: Nvml = pynvml
    return nvml
