"""OTLP -> Kafka with acks=all: our gateway beside the Collector (otlp receiver, kafka exporter) and rotel.

    python -m benchmarks.gateway
    python -m benchmarks.gateway --protocol http --per-message 500

All get the same payloads from the same sender, as fast as they answer, and write with lz4 to topics of the same make.
Ours and the Collector (no queue, no batches) answer when Kafka has acknowledged; the Collector is also shown with
acks=1, its default. rotel answers at once and batches in memory, so it is given time until its topic stands still.
``kept``: the share of the spans, all answered with success, that the topic has in the end.
CPU seconds are those of the process, from /proc, start and a warm-up excluded; the sender shares the machine, so spans
per wall second are below what a gateway alone would do.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, bench, messages_in, spans_in
from benchmarks.clock import machine
from benchmarks.corpus import make
from benchmarks.payloads import Shape
from benchmarks.processes import cpu_s, peak_mib
from benchmarks.rivals import daemons
from benchmarks.senders import send
from ingest.settings import KafkaSettings
from spanledger.stack import free_ports

CONNECTIONS = 16
WARM_MESSAGES = 200
STILL_S = 1.5

Receiver = tuple[int, dict[str, int]]
"""Process id, and port by protocol."""


@contextmanager
def ours(on: Bench, kafka: KafkaSettings) -> Iterator[Receiver]:
    """``spanledger gateway`` in open mode."""
    grpc, http = free_ports(2)
    ports = {"SPANLEDGER_GATEWAY_GRPC_PORT": str(grpc), "SPANLEDGER_GATEWAY_HTTP_PORT": str(http)}
    part = on.part(("gateway",), kafka, "unused", ports)
    on.stack.wait_until_said(part, "gateway ready", within_s=60)
    try:
        yield part.pid or 0, {"grpc": grpc, "http": http}
    finally:
        part.stop()
        on.stack.parts.remove(part)


@contextmanager
def collector(on: Bench, kafka: KafkaSettings, program: Path, acks: str | int) -> Iterator[Receiver]:
    """The Collector, a request as a message."""
    grpc, http = free_ports(2)
    config = daemons.to_kafka(kafka, grpc, http, acks=acks)
    with daemons.collector(program, config, on.folder / f"collector-{grpc}.log") as pid:
        yield pid, {"grpc": grpc, "http": http}


@contextmanager
def rotel(on: Bench, kafka: KafkaSettings | None, program: Path) -> Iterator[Receiver]:
    """The agent of rotel, to Kafka or to nothing."""
    name = "discard" if kafka is None else kafka.spans_topic
    with daemons.rotel(program, kafka, on.folder / f"rotel-{name}.log") as (pid, grpc, http):
        yield pid, {"grpc": grpc, "http": http}


def measure(receiver: Receiver, payloads: Sequence[bytes], arguments: argparse.Namespace,
            kafka: KafkaSettings | None) -> dict[str, Any]:  # fmt: skip
    """Send everything to one receiver. ``kafka``: where it writes."""
    pid, ports = receiver
    port = ports[arguments.protocol]
    send(payloads[:WARM_MESSAGES], arguments.protocol, port, connections=CONNECTIONS)
    _wait_until_still(kafka)
    rest = payloads[WARM_MESSAGES:]
    before, began = cpu_s([pid]), time.monotonic()
    send(rest, arguments.protocol, port, connections=CONNECTIONS)
    wall_s = time.monotonic() - began
    _wait_until_still(kafka)
    used, spans = cpu_s([pid]) - before, len(rest) * arguments.per_message
    return {
        "spans": spans,
        "cpu_s": round(used, 2),
        "spans_per_cpu_s": round(spans / used),
        "spans_per_s": round(spans / wall_s),
        "kept": kafka and round(spans_in(kafka) / (len(payloads) * arguments.per_message), 4),
        "peak_mib": round(peak_mib(pid)),
    }


def _wait_until_still(kafka: KafkaSettings | None) -> None:
    """Until no more messages come to the topic."""
    if kafka is None:
        return
    before = -1
    while (now := messages_in(kafka)) != before:
        before = now
        time.sleep(STILL_S)


def run(on: Bench, arguments: argparse.Namespace, tell: Callable[[str], None]) -> dict[str, Any]:
    """Every receiver in turn, each time with a topic of its own; of each the round with the median CPU seconds."""
    shape = Shape(spans_per_message=arguments.per_message, hosts=64)
    payloads = make(shape, arguments.spans + WARM_MESSAGES * arguments.per_message, arguments.kb)
    rivals = daemons.Rivals(folder=arguments.rivals)
    receivers: dict[str, tuple[Path | None, bool, Callable[..., Any]]] = {
        "gateway acks=all": (None, True, ours),
        "collector acks=all": (rivals.collector, True, partial(collector, program=rivals.collector, acks="all")),
        "collector acks=1": (rivals.collector, True, partial(collector, program=rivals.collector, acks=1)),
        "rotel acks=all": (rivals.rotel, True, partial(rotel, program=rivals.rotel)),
        "rotel -> discard": (rivals.rotel, False, partial(rotel, program=rivals.rotel)),
    }
    rounds: dict[str, list[dict[str, Any]]] = {}
    for number, name in itertools.product(range(arguments.rounds), receivers):
        program, writes, open_receiver = receivers[name]
        if program is not None and not program.exists():
            tell(f"{name}: missing, {program} does not exist (sh benchmarks/rivals/build.sh)")
            continue
        kafka = on.topics(f"{name.replace(' ', '-').replace('=', '-').replace('>', '')}-{number}") if writes else None
        with open_receiver(on, kafka) as receiver:
            rounds.setdefault(name, []).append(measure(receiver, payloads, arguments, kafka))
        tell(f"{name}: {rounds[name][-1]}")
    return {name: sorted(some, key=lambda one: one["cpu_s"])[len(some) // 2] for name, some in rounds.items()}


def main(words: Sequence[str] | None = None) -> int:
    """Measure; one JSON object on stdout."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--protocol", choices=("grpc", "http"), default="grpc")
    parser.add_argument("--spans", type=int, default=200_000, help="spans to send (200,000)")
    parser.add_argument("--per-message", type=int, default=50, help="spans in a request (50)")
    parser.add_argument("--kb", type=float, default=1.5, help="KB a span (1.5)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every receiver (3)")
    parser.add_argument("--rivals", type=Path, default=daemons.FOLDER, help="where build.sh has put the rivals")
    arguments = parser.parse_args(words)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    found: dict[str, Any] = {"machine": machine(), "protocol": arguments.protocol, "per_message": arguments.per_message}
    with bench() as on:
        found |= run(on, arguments, tell)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
