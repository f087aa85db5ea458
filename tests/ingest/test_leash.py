"""A program on a leash ends with who started it, also by kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.leash import leash

BY_KERNEL = "[*leash(), 'sleep', '60']"
BY_WATCHER = "[sys.executable, '-c', WATCHED, str(os.getpid())]"
PARENT = """
import os, subprocess, sys, time
from ingest.leash import leash
WATCHED = "import os, sys; from ingest.leash import watch; watch(int(sys.argv[1])); os.execvp('sleep', ['sleep', '60'])"
print(subprocess.Popen({words}, start_new_session=True).pid, flush=True)
time.sleep(60)
"""


def start_parent(words: str) -> tuple[subprocess.Popen[str], int]:
    """A process that has started a program on a leash, and that one's id once it is what it should be."""
    command = [sys.executable, "-c", PARENT.format(words=words)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    program = int(parent.stdout.readline())
    wait_until(lambda: command_line(program).startswith("sleep"))
    return parent, program


def command_line(process: int) -> str:
    """Command line; empty for one that has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children(process: int) -> list[int]:
    """Processes that it has started."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def wait_until(reached: object) -> None:
    assert callable(reached)
    until = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("words", [BY_KERNEL, BY_WATCHER], ids=["Linux", "elsewhere"])
def test_a_program_ends_when_its_parent_is_killed(words: str) -> None:
    parent, program = start_parent(words)
    with parent:
        parent.kill()
        parent.wait(20)

        wait_until(lambda: not command_line(program))


def test_a_watcher_ends_with_its_program() -> None:
    parent, program = start_parent(BY_WATCHER)
    with parent:
        (watcher,) = children(program)
        os.kill(program, signal.SIGKILL)

        wait_until(lambda: not command_line(watcher))

        parent.kill()


def test_a_program_whose_parent_is_gone_already_does_not_start() -> None:
    words = [*leash()[:-1], "1", "echo", "started"]  # process 1 has not started it

    ended = subprocess.run(words, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (1, "")
