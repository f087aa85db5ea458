"""Worker processes that start at once: forked from a process that has imported the worker and its compiled code.

A start of Python that imports the worker takes seconds of CPU, and the flows start dozens. What is forked is a process
of its own, with its environment and its log, that runs the module as ``python -m`` does, and it ends as such a process
does. ``spanledger worker`` as a command is started by ``tests/flows/test_up.py``, ``test_demo.py`` and
``test_freshness.py``.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from ingest.leash import ask_kernel
from tests.forks import FORKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """A process with the methods of ``subprocess.Popen`` that tests use."""

    process: ForkServerProcess
    args: tuple[str, ...]

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process.pid is not None
        return self.process.pid

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended. Raises TimeoutExpired."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal; nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start(words: Sequence[str], *, variables: Mapping[str, str], log: Path) -> Forked:
    """``python -m WORDS`` with these variables for its environment; what it prints goes to the end of the log."""
    log.touch()  # to be read from now on
    process = FORKS.Process(target=_run, args=(tuple(words), dict(variables), str(log)), daemon=True)
    process.start()
    return Forked(process=process, args=tuple(words))


def _run(words: Sequence[str], variables: Mapping[str, str], log: str) -> None:
    with suppress(AttributeError):  # no prctl: not Linux
        ask_kernel()  # to end it with the process that it was forked from, which ends with the tests
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = [words[0], *words[1:]]
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
