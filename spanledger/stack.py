"""A small process manager: the parts of one deployment as child processes, each with its log file.

A part that ends is started again (the commit protocol relies on that), with a pause that grows, and the terminal is
told in one line. Some ends are errors: of a part that was never ready and says by exit code 2 that it cannot run, and
of one that ends again and again right after its start. No part outlives this process, however that ends
(``ingest.leash``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ingest.broker import ports
from ingest.leash import leash
from spanledger.errors import CannotRun

STOP_WITHIN_S = 20.0
LOOK_S = 0.1
COULD_NOT_RUN = 2  # exit code of a verb that says what to do: starting it again would not help
RESTART_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
AT_ONCE_S = 20.0  # who ends so soon after a start waits longer for the next; who was not ready either has not started
MOST_FAILED_STARTS = 5  # … in a row


def free_port() -> int:
    """A loopback port that is free now, and that no outgoing connection is given while its part is down."""
    return ports.free_port()


def free_ports(count: int) -> list[int]:
    """As many different ones."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


@dataclass(slots=True, kw_only=True)
class Part:
    """One child process: ``spanledger VERB …`` with settings in its environment."""

    name: str
    words: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    ready: str = ""  # what it writes to its log once it serves
    restarts: bool = False
    ends: bool = False  # it does its work and ends with 0
    process: subprocess.Popen[bytes] | None = None
    restarted: int = 0
    was_ready: bool = False  # since the first start
    is_ready: bool = False  # since this start
    quick_ends: int = 0  # in a row
    failed_starts: int = 0  # likewise: quick ends before it was ready
    log_from: int = 0  # where this start's lines begin in the log
    started_at: float = 0.0  # monotonic time
    not_before: float = 0.0  # monotonic time of the next restart

    def start(self) -> None:
        """Start the process; its output goes to the log file."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.is_ready, self.started_at = False, time.monotonic()
        with self.log.open("ab") as out:
            self.log_from = out.tell()
            self.process = subprocess.Popen(
                [*leash(), sys.executable, "-m", "spanledger", *self.words],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which stops the parts in order
            )

    def check(self) -> None:
        """See whether it is ready; start it again when it has ended. Raises CannotRun where that makes no sense."""
        self.is_ready = self.is_ready or bool(self.ready and self.process and self.said(self.ready))
        self.was_ready = self.was_ready or self.is_ready
        if self.process is None or self.process.poll() is None:
            return
        code = self.process.returncode
        if self.ends and code == 0:
            return
        if not self.restarts or (code == COULD_NOT_RUN and not self.was_ready):
            raise CannotRun(f"{self.name} {_ending(code)}; {_last_line(self.log)}")
        if not self.not_before:
            self._pause(code)
        if time.monotonic() >= self.not_before:
            self.not_before = 0.0
            self.restarted += 1
            self.start()

    def _pause(self, code: int) -> None:
        """Set the time of the next start and say so. Raises CannotRun after too many starts that were none."""
        quick = time.monotonic() - self.started_at < AT_ONCE_S
        self.quick_ends = self.quick_ends + 1 if quick else 0
        self.failed_starts = self.failed_starts + 1 if quick and not self.is_ready else 0
        if self.failed_starts >= MOST_FAILED_STARTS:
            raise CannotRun(
                f"{self.name} does not start: it {_ending(code)}, the {self.failed_starts}th time in a row; "
                f"{_last_line(self.log)}"
            )
        pause_s = min(RESTART_PAUSE_S * 2 ** max(self.quick_ends - 1, 0), LONGEST_PAUSE_S)
        self.not_before = time.monotonic() + pause_s
        with contextlib.suppress(OSError):  # the terminal may be gone; the parts are not
            print(f"{self.name} {_ending(code)}: again in {pause_s:g} s; {_last_line(self.log)}", flush=True)

    def said(self, text: str) -> bool:
        """Whether this start has written the text to its log."""
        with self.log.open("rb") as log:
            log.seek(self.log_from)
            return text.encode() in log.read()

    def stop(self) -> None:
        """Ask the process to end, and kill it when it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def pid(self) -> int | None:
        """Process id, while it runs."""
        return self.process.pid if self.process and self.process.poll() is None else None


@dataclass(slots=True)
class Stack:
    """Parts in the order of their start; stopped in reverse."""

    parts: list[Part] = field(default_factory=list)

    def start(self, part: Part) -> Part:
        """Start a part and keep it."""
        part.start()
        self.parts.append(part)
        return part

    def check(self) -> None:
        """Look after all parts. Raises CannotRun."""
        for part in self.parts:
            part.check()

    def look_after(self, seconds: float) -> None:
        """Look after all parts for so long. Raises CannotRun."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check()
            time.sleep(LOOK_S)

    def wait_until_said(self, part: Part, text: str, *, within_s: float) -> None:
        """Return when a part has written the text to its log. Raises CannotRun when it has not, or cannot run."""
        until = time.monotonic() + within_s
        while not part.said(text):
            self.check()
            if time.monotonic() > until:
                raise CannotRun(f"{part.name} was not ready within {within_s:.0f} s; {_last_line(part.log)}")
            time.sleep(LOOK_S)

    def resident_mib(self) -> dict[str, float]:
        """Memory in RAM of every part, its children included, in MiB."""
        return {part.name: round(resident_mib([part.pid]), 1) for part in self.parts if part.pid}

    def stop(self) -> None:
        """Stop all parts, last started first; a second Ctrl-C does not leave any of them behind."""
        with _uninterrupted():
            for part in reversed(self.parts):
                part.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def resident_mib(pids: Sequence[int]) -> float:
    """Memory in RAM of processes and their children in MiB, from /proc; shared pages count once per process."""
    return sum(_rss_kib(pid) for root in pids for pid in (root, *_descendants(root))) / 1024


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore SIGINT, SIGTERM and SIGHUP meanwhile; only the main thread may, and only it gets them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(c) for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [found for child in children for found in (child, *_descendants(child))]


def _rss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def _ending(code: int) -> str:
    """How it ended, by its return code."""
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name if -code in set(signal.Signals) else f'signal {-code}'}"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return f"its log {log} ends with: {lines[-1]}" if lines else f"its log {log} is empty"
