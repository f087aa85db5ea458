"""The data directory of one local broker, and who may use it.

It holds ``server.properties`` (written anew at every start), ``data/`` (Kafka's own files), ``logs/``, ``tmp/`` and
``broker.lock``. The lock is held with flock(2) by the starting process *and* by the Java it starts, for as long as
either lives: a second start on the same directory is refused, and a broker that is killed frees it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from pathlib import Path

from ingest.errors import CannotStart

LOCK_PATIENCE_S = 2.0  # a killed Java needs a moment to give its memory and then its files back
POLL_S = 0.05
EXCEPTION = re.compile(r"(Exception|Error): ")
ERROR = re.compile(r" (ERROR|FATAL) ")


class BrokerDirectory:
    """Paths under ``root``, and its lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.logs = root / "logs"
        self.tmp = root / "tmp"
        self.configuration = root / "server.properties"
        self.server_log = self.logs / "server.log"
        self.console_log = self.logs / "console.log"
        self._lock_fd: int | None = None

    @property
    def lock_fds(self) -> tuple[int, ...]:
        """What the broker's process must inherit to hold the lock too."""
        return () if self._lock_fd is None else (self._lock_fd,)

    @property
    def is_formatted(self) -> bool:
        """Whether Kafka's storage tool has been here."""
        return (self.data / "meta.properties").exists()

    def take(self) -> None:
        """Lock the directory and clear what a killed broker left. Raises CannotStart."""
        if "," in str(self.data):
            raise CannotStart(f"broker directory {self.root} has a comma in its path, at which Kafka would split it")
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self._lock()
            shutil.rmtree(self.tmp, ignore_errors=True)
            self.tmp.mkdir()
            if self.server_log.exists():
                self.server_log.replace(self.logs / "server.log.before")
        except OSError as error:
            raise CannotStart(f"broker directory {self.root} cannot be used: {error}") from error

    def release(self) -> None:
        """Give the lock back."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def write_configuration(self, text: str) -> None:
        """Write ``server.properties``, readable by its owner only: it may hold passwords."""
        self.configuration.unlink(missing_ok=True)
        self.configuration.touch(mode=0o600)
        self.configuration.write_text(text, encoding="utf-8")

    def server_log_text(self) -> str:
        """What the broker has logged since its start."""
        return _text(self.server_log)

    def last_words(self) -> str:
        """The line of the broker's logs that best says why it ended."""
        return why(_text(self.console_log) + self.server_log_text())

    def _lock(self) -> None:
        lock = os.open(self.root / "broker.lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                holder = os.read(lock, 20).decode().strip()
                os.close(lock)
                raise CannotStart(
                    f"a broker runs already on {self.root} (started by process {holder}); "
                    "stop it first, or choose another directory with SPANLEDGER_DATA"
                )
            time.sleep(POLL_S)
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock_fd = lock


def why(said: str) -> str:
    """The line of a Java program's output that best says why it failed: the last exception, else error, else line."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("\tat ")]
    exceptions = [line for line in lines if EXCEPTION.search(line)]
    errors = [line for line in lines if ERROR.search(line)]
    return (exceptions or errors or lines or ["it said nothing"])[-1]


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
