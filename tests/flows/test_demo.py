"""The verbs that run everything leave nothing running, however they are ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spanledger.__main__ import main
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


@pytest.mark.long
@pytest.mark.parametrize(
    ("verb", "started", "end"),
    [
        pytest.param("demo", "simulator: ", (signal.SIGINT, signal.SIGINT), id="two interrupts"),
        pytest.param(
            *("up", "worker metrics", (signal.SIGHUP, signal.SIGHUP)),
            id="the terminal is closed",
            marks=pytest.mark.long,
        ),
    ],
)
def test_however_it_is_ended_no_process_stays_behind(
    verb: str, started: str, end: tuple[signal.Signals, signal.Signals], tmp_path: Path
):
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

    running.send_signal(end[0])
    time.sleep(0.3)
    running.send_signal(end[1])
    running.wait(90)

    assert processes_of(data) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--report", "/nope/demo.json"], "cannot write the report to /nope/demo.json: No such file or directory"),
        (["--for", "6"], "--for 6: too short to notice retry_loop; give it 60 s or more"),
        (["--for", "90", "--incident", "runaway_agent"], "too short to notice runaway_agent; give it 120 s or more"),
        (["--incident", "foo"], "there is no incident 'foo'; choose one of retry_loop, prompt_bloat, runaway_agent, "),
        (["--incident", "retry_loop@20"], "--incident retry_loop@20: the demo sets the time"),
        (["--rate", "0"], "the rate must be more than 0"),
        (["--backfill=-3d"], "times must not be negative"),
    ],
)
def test_what_could_only_fail_later_is_refused_before_anything_starts(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("SPANLEDGER_DATA", str(tmp_path))

    code = main(["demo", *words])

    printed = capsys.readouterr()
    assert (code, printed.out, list(tmp_path.iterdir())) == (2, "", [])
    assert printed.err.startswith("spanledger demo: ")
    assert told in printed.err
    assert printed.err.count("\n") == 1
