"""From a real broker to a committed lake: produce first, then drain; then freshness at a steady rate.

    python -m benchmarks.end_to_end                         # all parts; some minutes
    python -m benchmarks.end_to_end --only drain --spans 1000000
    python -m benchmarks.end_to_end --only freshness --rate 20000 --seconds 30

``drain``: the same topic is read by one worker, by two, and by rival (c), the Collector, which discards it or makes
span metrics of it (``sh benchmarks/rivals/build.sh`` builds it; without it its lines are missing). CPU seconds are
those of the processes, from /proc. ``spans_per_cpu_s`` counts from the start of the process, ``steady_…`` between its
first and its last commit. ``freshness``: a gateway, a worker and a sender over HTTP; from the gateway's answer to the
first look (every 0.1 s) at which all tables of the lake have the message; and the lag in messages when sending ends.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.bench import Bench, bench, group_progress, messages_in
from benchmarks.clock import machine
from benchmarks.corpus import make
from benchmarks.payloads import Shape
from benchmarks.processes import Drained, Sampled, cpu_s, peak_mib, watch_drain
from benchmarks.rivals import daemons
from benchmarks.senders import produce, send
from ingest.settings import KafkaSettings
from processors.conventions.table import load_table
from processors.decode import decode
from processors.messages import Message
from spanledger.stack import free_ports

DRAIN_WITHIN_S = 900.0
LOOK_S = 0.1
CHUNK = 256

Tell = Callable[[str], None]


def drain(on: Bench, arguments: argparse.Namespace, tell: Tell) -> dict[str, dict[str, object]]:
    """Who has read the same topic at what cost."""
    kafka = on.topics("drain")
    payloads = make(_shape(arguments), arguments.spans, arguments.kb)
    tell(f"{len(payloads):,} messages, {sum(map(len, payloads)) / 1e6:,.0f} MB, into Kafka")
    produce(kafka, payloads)
    del payloads
    messages = messages_in(kafka)
    spans = messages * arguments.per_message
    found: dict[str, dict[str, object]] = {}

    def note(name: str, drained: Drained) -> None:
        found[name] = drained.as_object()
        tell(f"{name}: {found[name]}")

    for workers in (1, 2):
        note(f"worker x {workers}", _drain_with_workers(on, kafka, workers, spans, arguments.per_message))
    rivals = daemons.Rivals(folder=arguments.rivals)
    for name, span_metrics in (("collector -> discard", False), ("collector -> span metrics", True)):
        if not rivals.collector.exists():
            tell(f"{name}: missing, {rivals.collector} does not exist (sh benchmarks/rivals/build.sh)")
            continue
        group = name.replace(" -> ", "-").replace(" ", "-")
        config = daemons.from_kafka(kafka, group, span_metrics=span_metrics)
        with daemons.collector(rivals.collector, config, on.folder / f"{group}.log") as pid:
            note(name, _watch(pid, partial(group_progress, kafka, group), spans, arguments.per_message))
    return found


def _watch(pid: int, messages: Callable[[], int], spans: int, per_message: int) -> Drained:
    return watch_drain([pid], lambda: messages() * per_message, spans, within_s=DRAIN_WITHIN_S)


def _drain_with_workers(on: Bench, kafka: KafkaSettings, workers: int, spans: int, per_message: int) -> Drained:
    lake = f"lake-{workers}"
    parts = [on.part(("worker",), kafka, lake) for _ in range(workers)]
    committed = on.committed(kafka, lake)

    def progress() -> int:
        on.stack.check()
        return committed.messages() * per_message

    try:
        return watch_drain([part.pid or 0 for part in parts], progress, spans, within_s=DRAIN_WITHIN_S)
    finally:
        for part in parts:
            part.stop()
            on.stack.parts.remove(part)


def freshness(on: Bench, arguments: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Seconds from the gateway's answer until a question can see a message, while spans come at ``--rate``."""
    kafka = on.topics("fresh")
    payloads = make(_shape(arguments), round(arguments.rate * arguments.seconds), arguments.kb)
    grpc, http = free_ports(2)
    ports = {"SPANLEDGER_GATEWAY_GRPC_PORT": str(grpc), "SPANLEDGER_GATEWAY_HTTP_PORT": str(http)}
    gateway = on.part(("gateway",), kafka, "lake-fresh", ports)
    worker = on.part(("worker",), kafka, "lake-fresh")
    on.stack.wait_until_said(gateway, "gateway ready", within_s=60)
    committed = on.committed(kafka, "lake-fresh")
    send(payloads[:4], "http", http, connections=1)  # everything is up once these can be seen
    _wait_for(lambda: committed.messages() >= 4, on)
    rest = payloads[4:]
    tell(f"{len(rest):,} messages at {arguments.rate:,.0f} spans/s for {arguments.seconds:.0f} s")
    before = cpu_s([worker.pid or 0]), cpu_s([gateway.pid or 0])
    with Sampled(committed.offsets, LOOK_S) as looks:
        began = time.monotonic()
        answered = send(rest, "http", http, connections=16, per_s=arguments.rate / arguments.per_message)
        sent_s = time.monotonic() - began
        lag = messages_in(kafka) - committed.messages()
        _wait_for(lambda: committed.messages() >= len(payloads), on)
        time.sleep(2 * LOOK_S)
    after = cpu_s([worker.pid or 0]), cpu_s([gateway.pid or 0])
    waits = _waits(rest, answered, looks.seen, on.folder / "lake-fresh")
    spans = len(rest) * arguments.per_message
    cuts = statistics.quantiles(waits, n=100)
    return {
        "asked_spans_per_s": round(arguments.rate),
        "sent_spans_per_s": round(spans / sent_s),
        "freshness_p50_s": round(cuts[49], 2),
        "freshness_p99_s": round(cuts[98], 2),
        "lag_messages_at_end": lag,
        "worker_spans_per_cpu_s": round(spans / (after[0] - before[0])),
        "gateway_spans_per_cpu_s": round(spans / (after[1] - before[1])),
        "worker_peak_mib": round(peak_mib(worker.pid or 0)),
        "gateway_peak_mib": round(peak_mib(gateway.pid or 0)),
    }


def _waits(payloads: Sequence[bytes], answered: list[float], looks: list[tuple[float, Any]], lake: Path) -> list[float]:
    """For each message the time from its answer to the first look that sees its first span's record."""
    places = _places(lake)
    waits: list[float] = []
    for span, at in zip(_first_spans(payloads), answered, strict=True):
        partition, offset = places[span]
        seen = next(when for when, offsets in looks if offsets.get(partition, 0) > offset)
        waits.append(max(0.0, seen - at))
    return waits


def _places(lake: Path) -> dict[bytes, tuple[int, int]]:
    """Partition and offset of every span of a lake, by its ids."""
    found: dict[bytes, tuple[int, int]] = {}
    for file in (lake / "spans").glob("day=*/*.parquet"):
        names = ["trace_id", "span_id", "source_partition", "source_offset"]
        rows = pq.ParquetFile(file).read(columns=names)
        columns = (rows[name].to_pylist() for name in names)
        found |= {trace + span: (partition, offset) for trace, span, partition, offset in zip(*columns, strict=True)}
    return found


def _first_spans(payloads: Sequence[bytes]) -> list[bytes]:
    """Trace and span id of each payload's first span."""
    table, found = load_table(), []
    for first in range(0, len(payloads), CHUNK):
        chunk = [
            Message(topic="otlp_spans", partition=0, offset=at, received_at_us=0, value=value)
            for at, value in enumerate(payloads[first : first + CHUNK])
        ]
        spans = decode(chunk, table).spans.select(["message_index", "trace_id", "span_id"])
        rows = zip(*(column.to_pylist() for column in spans.columns), strict=True)
        firsts: dict[int, bytes] = {}
        for message, trace, span in rows:
            firsts.setdefault(message, trace + span)
        found += [firsts[at] for at in range(len(chunk))]
    return found


def _wait_for(reached: Callable[[], bool], on: Bench) -> None:
    until = time.monotonic() + DRAIN_WITHIN_S
    while not reached():
        on.stack.check()
        if time.monotonic() > until:
            raise TimeoutError("the worker has not come to the end of the topic")
        time.sleep(LOOK_S)


def _shape(arguments: argparse.Namespace) -> Shape:
    return Shape(kind=arguments.shape, spans_per_message=arguments.per_message, hosts=64)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.end_to_end", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--only", choices=("drain", "freshness"), help="one part alone")
    parser.add_argument("--spans", type=int, default=400_000, help="spans to drain (400,000)")
    parser.add_argument("--per-message", type=int, default=50, help="spans in a message (50)")
    parser.add_argument("--kb", type=float, default=1.5, help="KB a span (1.5)")
    parser.add_argument("--shape", choices=("chat", "traces"), default="chat", help="see payloads.py")
    parser.add_argument("--rate", type=float, default=50_000, help="spans a second for freshness (50,000)")
    parser.add_argument("--seconds", type=float, default=20, help="for so long (20)")
    parser.add_argument("--rivals", type=Path, default=daemons.FOLDER, help="where build.sh has put the rivals")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measure; one JSON object on stdout."""
    arguments = _arguments(words)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    found: dict[str, Any] = {"machine": machine()}
    tell(found["machine"])
    with bench() as on:
        for name, part in (("drain", drain), ("freshness", freshness)):
            if arguments.only in (None, name):
                found[name] = part(on, arguments, tell)
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
