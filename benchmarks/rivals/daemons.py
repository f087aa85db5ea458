"""Rival (c): the OpenTelemetry Collector, and rotel, as processes that read and write the same topics as ours.

``sh benchmarks/rivals/build.sh`` makes them. This rotel has no Kafka receiver: it only stands beside the gateway.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.leash import leash
from ingest.settings import KafkaSettings
from spanledger.stack import free_ports

FOLDER = Path.home() / ".cache/spanledger-rivals"
READY_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """Where ``build.sh`` has put them."""

    folder: Path = FOLDER

    @property
    def collector(self) -> Path:
        """The Collector's program."""
        return self.folder / "otelcol-rival"

    @property
    def rotel(self) -> Path:
        """The program of rotel."""
        return self.folder / "rotel/rotel/rotel-agent"


@contextmanager
def running(command: Sequence[str], log: Path, ready: str) -> Iterator[int]:
    """A process that has said ``ready`` in its log; gives its id, and ends it afterwards."""
    with log.open("wb") as out:
        process = subprocess.Popen([*leash(), *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        until = time.monotonic() + READY_WITHIN_S
        while ready not in log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > until:
                said = log.read_text(errors="replace").strip()
                raise RuntimeError(f"{command[0]} is not ready: {said[-500:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def collector(program: Path, config: Mapping[str, Any], log: Path) -> Iterator[int]:
    """A Collector with a configuration (JSON is YAML); gives its process id."""
    file = log.with_suffix(".yaml")
    file.write_text(json.dumps(config))
    with running((str(program), "--config", str(file)), log, "Everything is ready") as pid:
        yield pid


def from_kafka(kafka: KafkaSettings, group: str, *, span_metrics: bool) -> dict[str, Any]:
    """Kafka -> discard, or Kafka -> span metrics -> discard."""
    receiver = {
        "brokers": [kafka.bootstrap],
        "group_id": group,
        "initial_offset": "earliest",
        "traces": {"topics": [kafka.spans_topic], "encoding": "otlp_proto"},
    }
    config: dict[str, Any] = {"receivers": {"kafka": receiver}, "exporters": {"nop": None}}
    traces = {"receivers": ["kafka"], "exporters": ["span_metrics" if span_metrics else "nop"]}
    pipelines: dict[str, Any] = {"traces": traces}
    if span_metrics:
        config["connectors"] = {"span_metrics": {"dimensions": [{"name": "gen_ai.request.model"}]}}
        pipelines["metrics"] = {"receivers": ["span_metrics"], "exporters": ["nop"]}
    return {**config, "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": pipelines}}


def to_kafka(kafka: KafkaSettings, grpc: int, http: int, *, acks: str | int) -> dict[str, Any]:
    """OTLP -> Kafka, a request as a message: neither batched nor queued, so an answer means that Kafka has it."""
    exporter = {
        "brokers": [kafka.bootstrap],
        "traces": {"topic": kafka.spans_topic, "encoding": "otlp_proto"},
        "producer": {"required_acks": acks, "compression": "lz4", "max_message_bytes": 10_000_000},
        "sending_queue": {"enabled": False},
    }
    protocols = {
        "grpc": {"endpoint": f"127.0.0.1:{grpc}", "max_recv_msg_size_mib": 32},
        "http": {"endpoint": f"127.0.0.1:{http}"},
    }
    pipelines = {"traces": {"receivers": ["otlp"], "exporters": ["kafka"]}}
    return {
        "receivers": {"otlp": {"protocols": protocols}},
        "exporters": {"kafka": exporter},
        "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": pipelines},
    }


@contextmanager
def rotel(program: Path, kafka: KafkaSettings | None, log: Path) -> Iterator[tuple[int, int, int]]:
    """OTLP -> Kafka with acks=all, or -> discard without; gives process id, gRPC and HTTP port.

    rotel answers before Kafka has: it batches in memory. Its default of 8,192 spans is more than Kafka takes.
    """
    grpc, http = free_ports(2)
    words = ["--otlp-grpc-endpoint", f"127.0.0.1:{grpc}", "--otlp-http-endpoint", f"127.0.0.1:{http}"]
    words += ["--otlp-grpc-max-recv-msg-size-mib", "32", "--batch-max-size", "2048"]
    if kafka is None:
        words += ["--exporter", "blackhole"]
    else:
        words += ["--exporter", "kafka", "--kafka-exporter-brokers", kafka.bootstrap]
        words += ["--kafka-exporter-traces-topic", kafka.spans_topic, "--kafka-exporter-acks", "all"]
        words += ["--kafka-exporter-compression", "lz4", "--kafka-exporter-max-message-bytes", "10000000"]
    with running((str(program), "start", *words), log, "") as pid:
        _wait_for_port(http)
        yield pid, grpc, http


def _wait_for_port(port: int) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
