"""``spanledger broker`` as a person or a process manager runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.broker import LocalBroker
from ingest.broker.jars import locked_jars, ready_jars
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics
from tests.ingest.promptness import back_in_time
from tests.kafka import jars_cache

STARTED = "broker: topics: "  # the last line of a start

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the verb on one data directory, with no Java, Maven or anything else on PATH, and no network."""
    ready_jars(locked_jars(), jars_cache(), print)
    (tmp_path / "jars").symlink_to(jars_cache())
    nothing = {"PATH": str(tmp_path / "no-programs"), "HOME": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9"}
    started: list[subprocess.Popen[str]] = []

    def _start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "spanledger", "broker", "--port", "0"]
        environment = {**nothing, "SPANLEDGER_DATA": str(tmp_path)}
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield _start
    for process in started:
        process.kill()
        process.communicate()


def lines_until_started(process: subprocess.Popen[str]) -> list[str]:
    """Progress lines up to the one that ends a start; fails where the process ends before."""
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line.rstrip("\n"))
        if line.startswith(STARTED):
            return lines
    raise AssertionError("\n".join(lines))


def bootstrap_in(lines: list[str]) -> str:
    """Address in the line that says ready."""
    return next(line.split()[2] for line in lines if line.startswith("broker: ready:"))


def test_it_runs_on_a_machine_without_java_says_each_stage_makes_topics_and_stops_cleanly(start: Start) -> None:
    process = start()
    lines = lines_until_started(process)
    topics_left = ensure_topics(KafkaSettings(bootstrap=bootstrap_in(lines)))
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)

    assert [line.split()[1] for line in lines] == ["jars:", "format:", "start:", "ready:", "topics:"]
    assert topics_left == []
    assert (process.returncode, rest) == (0, "broker: stop: Kafka closes its files\n")


def test_a_second_one_on_the_same_data_is_refused_in_one_line(
    broker: LocalBroker, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "broker").symlink_to(broker.directory)

    second = start()
    _, told = second.communicate(timeout=60)

    assert second.returncode == 2
    assert told.splitlines()[-1].startswith(f"spanledger broker: a broker runs already on {tmp_path / 'broker'}")
    assert broker.pid is not None


@pytest.mark.long
def test_one_that_is_killed_takes_its_kafka_along_and_is_back_within_ten_seconds(start: Start, tmp_path: Path) -> None:
    running = [start()]
    lines_until_started(running[-1])

    def seconds_after(number: signal.Signals) -> float:
        running[-1].send_signal(number)
        running[-1].wait(60)
        began = time.monotonic()
        running.append(start())
        assert lines_until_started(running[-1])[-1] == "broker: topics: all there"
        assert kafkas_of(tmp_path) == 1
        return time.monotonic() - began

    prompt, measured = back_in_time(lambda: seconds_after(signal.SIGKILL), lambda: seconds_after(signal.SIGTERM))

    assert prompt, measured


def kafkas_of(data: Path) -> int:
    """Java processes that work on this data directory, from /proc."""
    command_lines = [_command_line(folder) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return len([line for line in command_lines if f"{data}{os.sep}".encode() in line and b"kafka.Kafka" in line])


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return b""
