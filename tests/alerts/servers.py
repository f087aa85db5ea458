"""Servers that channels talk to: a small HTTP receiver, and the real Alertmanager."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError

from tests.patience import PATIENCE_S

BINARY = "prometheus-alertmanager"


@dataclass(slots=True, kw_only=True)
class Receiver:
    """An HTTP server on loopback that keeps every POST and answers ``status``; ``raw``: bodies as they came."""

    url: str = ""
    status: int = 200
    answer: bytes = b""
    raw: list[bytes] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def wait_until(self, is_true: Callable[[], bool]) -> bool:
        """Whether it became true, by what came, in time."""
        with self.came:
            return self.came.wait_for(is_true, timeout=PATIENCE_S)


@contextmanager
def receive() -> Iterator[Receiver]:
    """A running receiver."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            with receiver.came:
                receiver.raw.append(raw)
                receiver.bodies.append(json.loads(raw))
                receiver.headers.append(dict(self.headers))
                receiver.came.notify_all()
            self.send_response(receiver.status)
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, *_: object) -> None:
            """Keep the output of tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningAlertmanager:
    """The real thing; what it notifies of comes to ``receiver``."""

    url: str
    receiver: Receiver
    log: Path

    def statuses(self) -> list[str]:
        """What it has notified of so far, in order."""
        with self.receiver.came:
            return [body["status"] for body in self.receiver.bodies]

    def account(self) -> str:
        """What it has to say for itself when a test fails."""
        return f"alerts: {self.alerts()}\n{self.log.read_text()}"

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are active now."""
        found: list[dict[str, Any]] = _get(f"{self.url}/api/v2/alerts")
        return found


@contextmanager
def run_alertmanager(directory: Path) -> Iterator[RunningAlertmanager]:
    """Start Alertmanager on a free loopback port, without cluster; it groups nothing and notifies at once."""
    with receive() as receiver, start_alertmanager(directory, receiver) as running:
        yield running


@contextmanager
def start_alertmanager(
    directory: Path, receiver: Receiver, *, group_interval: str = "200ms"
) -> Iterator[RunningAlertmanager]:
    """Likewise, with a receiver that outlives it; it is ended as a service is, and keeps on disk whom it has told."""
    binary = shutil.which(BINARY)
    assert binary, f"install {BINARY}: this test needs the real one"
    config = directory / "alertmanager.json"
    config.write_text(json.dumps(_config(receiver.url, group_interval)))
    port = _free_port()
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=debug",
    ]
    told = directory / "log"
    with told.open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            running = RunningAlertmanager(url=f"http://127.0.0.1:{port}", receiver=receiver, log=told)
            _wait_ready(f"{running.url}/-/ready", process)
            yield running
        finally:
            process.terminate()
            try:
                process.wait(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _config(webhook_url: str, group_interval: str) -> dict[str, Any]:
    return {
        "route": {
            "receiver": "test",
            "group_by": ["..."],
            "group_wait": "50ms",
            "group_interval": group_interval,
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "test", "webhook_configs": [{"url": webhook_url, "send_resolved": True}]}],
    }


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        assert process.poll() is None, "Alertmanager ended by itself"
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer")


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.loads(answer.read())


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
