"""A real OpenTelemetry Collector as a test's part: ``deploy/collector/build.sh`` has built it."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingest.leash import leash
from ingest.settings import KafkaSettings
from spanledger.stack import free_ports
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = ROOT / "deploy" / "otel-collector.yaml"
FOLDER = Path(os.environ.get("SPANLEDGER_TEST_COLLECTOR", Path.home() / ".cache" / "spanledger-collector"))
PROGRAM = FOLDER / "build" / "otelcol-spanledger"
TOKEN = "of-the-trusted-front"


@dataclass(slots=True)
class Collector:
    """One Collector with a state directory and ports that it keeps over restarts."""

    kafka: KafkaSettings
    directory: Path
    config: Path = CONFIG
    flags: Sequence[str] = ()
    ports: list[int] = field(default_factory=lambda: free_ports(2))
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.starts += 1
        variables = {
            **os.environ,
            "COLLECTOR_GRPC": f"127.0.0.1:{self.ports[0]}",
            "COLLECTOR_HTTP": f"127.0.0.1:{self.ports[1]}",
            "COLLECTOR_STATE": str(self.directory / "state"),
            "COLLECTOR_TOKEN": TOKEN,
            "SPANLEDGER_KAFKA": self.kafka.bootstrap,
            "SPANLEDGER_KAFKA_SPANS_TOPIC": self.kafka.spans_topic,
        }
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [*leash(), str(PROGRAM), f"--config={self.config}", *self.flags], env=variables, stderr=out
            )
        until = time.monotonic() + PATIENCE_S
        while "Everything is ready" not in self.log.read_text(errors="replace"):
            assert self.process.poll() is None, self.log.read_text(errors="replace")
            assert time.monotonic() < until, f"the Collector is not ready, see {self.log}"
            time.sleep(0.1)

    @property
    def log(self) -> Path:
        """What this start says."""
        return self.directory / f"collector-{self.starts}.log"

    def kill(self) -> None:
        """``kill -9``."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def post(self, value: bytes, *, token: str = TOKEN, tenant: str | None = None) -> int:
        """One export request over HTTP; the status."""
        headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {token}"}
        if tenant is not None:
            headers["spanledger-tenant"] = tenant
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[1]}/v1/traces", value, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


@contextmanager
def running(collector: Collector) -> Iterator[Collector]:
    """A started Collector; ended by SIGTERM."""
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()
