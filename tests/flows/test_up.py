"""``spanledger up`` on real parts: what is killed comes back, and nothing outlives ``up`` itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from spanledger.deployment import READY
from spanledger.measure import ask_status, measure
from spanledger.stack import free_ports
from tests.flows.payloads import payload
from tests.flows.test_demo import processes_of
from tests.ingest.gateway.serving import PROTOBUF, request
from tests.ingest.promptness import BACK_WITHIN_S, FACTOR
from tests.kafka import jars_cache
from tests.patience import PATIENCE_S

PROMPT_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """``spanledger up`` in a directory, its ports, and its log, which is what the terminal shows."""

    process: subprocess.Popen[bytes]
    data: Path
    ports: tuple[int, int, int]  # of broker, gateway and dashboard
    log: Path
    broker_start_s: float  # from the start of `up` until its broker served

    def pids(self) -> dict[str, int]:
        """Process ids of the parts by name."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {Path(f"/proc/{child}/cmdline").read_text().split("\0")[-2]: int(child) for child in children}

    def starts(self, part: str) -> int:
        """How often a part has become ready."""
        return (self.data / "logs" / f"{part}.log").read_text(errors="replace").count(READY[part])

    def send(self, number: int) -> int:
        """Send some spans until the gateway has taken them; how many they were."""
        sent = payload(number, spans=3)
        wait_until(lambda: self._taken(sent.value))
        return 3

    def _taken(self, body: bytes) -> bool:
        try:
            answer = request(self.ports[1], "POST", "/v1/traces", body, {"Content-Type": PROTOBUF})
        except OSError:
            return False
        return answer.status == 200


def wait_until(reached: Callable[[], object], *, within_s: float = PATIENCE_S) -> float:
    """Seconds until something is reached."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < within_s
        time.sleep(0.05)
    return time.monotonic() - began


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """All parts on free ports, ended by SIGTERM where the test has not done so."""
    data, log = tmp_path / "data", tmp_path / "terminal"
    broker, http, grpc, dashboard = free_ports(4)
    environment = {
        **os.environ,
        "SPANLEDGER_DATA": str(data),
        "SPANLEDGER_BROKER_JARS": str(jars_cache()),
        "SPANLEDGER_BROKER_PORT": str(broker),
        "SPANLEDGER_KAFKA": f"127.0.0.1:{broker}",
        "SPANLEDGER_GATEWAY_HTTP_PORT": str(http),
        "SPANLEDGER_GATEWAY_GRPC_PORT": str(grpc),
        "SPANLEDGER_DASHBOARD_PORT": str(dashboard),
    }
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "spanledger", "up"], env=environment, stdout=out, stderr=out)
    try:
        start_s = wait_until(lambda: "starting gateway" in log.read_text() or process.poll() is not None)
        wait_until(lambda: "worker metrics" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        ports = (broker, http, dashboard)
        yield Running(process=process, data=data, ports=ports, log=log, broker_start_s=start_s)
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.long
def test_what_is_killed_comes_back_loses_nothing_and_nothing_outlives_up(running: Running):
    """The broker is killed first: on a busy machine what starts beside it would be measured instead."""
    sent = running.send(1)

    pids = running.pids()
    os.kill(pids["broker"], signal.SIGKILL)
    back_s = wait_until(lambda: running.starts("broker") == 2)
    os.kill(pids["gateway"], signal.SIGKILL)
    os.kill(pids["dashboard"], signal.SIGKILL)
    wait_until(lambda: running.starts("gateway") == running.starts("dashboard") == 2)
    sent += running.send(2)
    wait_until(lambda: (ask_status(running.data / "lake") or {"spans": 0})["spans"] >= sent)
    distinct = measure(running.data / "lake").integrity["distinct_spans"]
    told = running.log.read_text().splitlines()
    running.process.kill()
    running.process.wait()
    wait_until(lambda: not processes_of(running.data) and not any(map(answers, running.ports)), within_s=PROMPT_S)

    assert back_s < max(BACK_WITHIN_S, FACTOR * running.broker_start_s)
    assert distinct == sent
    assert len([line for line in told if " was killed by SIGKILL: again in 0.5 s; its log " in line]) == 3
