"""One deployment on this machine: where its parts listen, what their environment is, how they are started in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ingest.broker.jars import locked_jars, ready_jars
from spanledger.stack import Part, Stack

LOOPBACK = "127.0.0.1"
PART_WITHIN_S = 90.0  # gateway and worker wait for Kafka themselves, and say so when they give up
READY = {
    "broker": "broker: topics: ",
    "gateway": "gateway ready",
    "worker": "worker starts",
    "dashboard": "The pages are at",
}
"""What each part writes to its log once it serves; ports would not tell whose they are."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Loopback ports of the parts."""

    broker: int
    grpc: int
    http: int
    gateway_metrics: int
    worker_metrics: int
    dashboard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A broker (or somebody else's), gateway, worker and pages over one data directory."""

    data: Path
    jars: Path  # cache of the broker's jars
    ports: Ports
    environment: Mapping[str, str]  # added to this process's own
    own_broker: bool

    @property
    def gateway_url(self) -> str:
        """Base URL of OTLP/HTTP."""
        return f"http://{LOOPBACK}:{self.ports.http}"

    @property
    def dashboard_url(self) -> str:
        """URL of the pages."""
        return f"http://{LOOPBACK}:{self.ports.dashboard}"

    def urls(self) -> dict[str, str]:
        """What a person may want to open, by name."""
        return {
            "pages": self.dashboard_url,
            "OTLP/HTTP": self.gateway_url,
            "OTLP/gRPC": f"{LOOPBACK}:{self.ports.grpc}",
            "gateway metrics": f"http://{LOOPBACK}:{self.ports.gateway_metrics}/metrics",
            "worker metrics": f"http://{LOOPBACK}:{self.ports.worker_metrics}/metrics",
        }

    def start(self, stack: Stack, say: Say) -> None:
        """Start the parts in order, each when the one before it answers. Raises CannotRun, JarRefused."""
        began = time.monotonic()
        if self.own_broker:
            ready_jars(locked_jars(), self.jars, say)  # here, where a person sees that something is fetched
            say("starting the broker: Apache Kafka 4.3.1")
            self._start_part(stack, "broker")
        say("starting gateway, worker and dashboard")
        for name in ("gateway", "worker", "dashboard"):
            self._start_part(stack, name)
        say(f"all parts run after {time.monotonic() - began:.1f} s; logs in {self.data / 'logs'}")

    def _start_part(self, stack: Stack, name: str) -> None:
        part = Part(
            name=name,
            words=(name,),
            environment=self.environment,
            log=self.data / "logs" / f"{name}.log",
            ready=READY[name],
            restarts=True,
        )
        stack.wait_until_said(stack.start(part), part.ready, within_s=PART_WITHIN_S)


def environment(ports: Ports, *, data: Path, jars: Path, kafka: str, lake: str) -> dict[str, str]:
    """The variables that place the parts; everything else comes from the settings file and the caller's environment."""
    return {
        "SPANLEDGER_DATA": str(data),
        "SPANLEDGER_KAFKA": kafka,
        "SPANLEDGER_LAKE": lake,
        "SPANLEDGER_BROKER_JARS": str(jars),
        "SPANLEDGER_BROKER_PORT": str(ports.broker),
        "SPANLEDGER_GATEWAY_GRPC_PORT": str(ports.grpc),
        "SPANLEDGER_GATEWAY_HTTP_PORT": str(ports.http),
        "SPANLEDGER_GATEWAY_METRICS_PORT": str(ports.gateway_metrics),
        "SPANLEDGER_WORKER_METRICS_PORT": str(ports.worker_metrics),
        "SPANLEDGER_DASHBOARD_PORT": str(ports.dashboard),
        "SPANLEDGER_ALERTS_DASHBOARD_URL": f"http://{LOOPBACK}:{ports.dashboard}",
    }
