"""The verbs that run everything leave nothing running, however they are ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spanledger.stack import free_port
from tests.kafka import jars_cache


def processes_of(data: Path) -> list[str]:
    """Command lines of the processes whose environment places them in a data directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(data).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def wait_for_line(log: Path, text: str) -> None:
    until = time.monotonic() + 90
    while text not in log.read_text():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)


@pytest.mark.parametrize(("verb", "started"), [("demo", "simulator: "), ("up", "worker metrics")])
def test_two_interrupts_in_a_row_leave_no_process_behind(verb: str, started: str, tmp_path: Path):
    data, log, port = tmp_path / "data", tmp_path / "log", free_port()
    environment = {
        **os.environ,
        "SPANLEDGER_DATA": str(data),
        "SPANLEDGER_BROKER_JARS": str(jars_cache()),
        "SPANLEDGER_BROKER_PORT": str(port),
        "SPANLEDGER_KAFKA": f"127.0.0.1:{port}",
        "SPANLEDGER_GATEWAY_HTTP_PORT": "0",
        "SPANLEDGER_GATEWAY_GRPC_PORT": "0",
        "SPANLEDGER_DASHBOARD_PORT": "0",
    }
    with log.open("wb") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "spanledger", verb],
            env=environment,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
        )
    wait_for_line(log, started)

    running.send_signal(signal.SIGINT)
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    running.wait(90)

    assert processes_of(data) == []
