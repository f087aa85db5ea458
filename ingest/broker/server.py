"""One Apache Kafka node: format its storage, start it, wait until it serves, stop it."""

from __future__ import annotations

import base64
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from ingest.broker.directory import BrokerDirectory, why
from ingest.broker.jars import locked_jars, ready_jars
from ingest.broker.java import find_java
from ingest.broker.ports import free_port, is_free
from ingest.broker.properties import LOOPBACK, render, server_properties
from ingest.errors import CannotStart
from ingest.leash import leash
from ingest.settings import BrokerSettings

FORMAT_TIMEOUT_S = 60.0
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.05
STARTED = "Kafka Server started"  # what KafkaRaftServer logs once its listeners answer
NOTHING_MORE: Mapping[str, str] = MappingProxyType({})

Progress = Callable[[str], None]


def _unheard(_line: str) -> None:
    """Progress that nobody reads."""


class LocalBroker:
    """One Kafka node in ``directory``, its jars cached in ``jars``.

    ``properties`` extend or override ``server.properties`` (SASL, say). Port 0 is a free one, chosen at the first start
    and kept over restarts. The broker dies with the thread that started it: start it from one that stays.
    """

    def __init__(
        self, settings: BrokerSettings, directory: Path, jars: Path, *, properties: Mapping[str, str] = NOTHING_MORE
    ) -> None:
        self._settings = settings
        self._directory = BrokerDirectory(directory.absolute())
        self._jars = jars.absolute()
        self._properties = properties
        self._port = settings.port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> Path:
        """The data directory."""
        return self._directory.root

    @property
    def bootstrap(self) -> str:
        """``127.0.0.1:port``; with port 0 known only once started."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Process id of the running broker; None where none runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self, progress: Progress = _unheard) -> str:
        """Start, wait until clients are served, return ``bootstrap``.

        ``progress`` gets one line a stage. Raises CannotStart, JarRefused.
        """
        began = time.monotonic()
        if self.pid is not None:
            raise CannotStart(f"this broker runs already (process {self.pid})")
        java = find_java(self._settings.java_home)
        classpath = ready_jars(locked_jars(), self._jars, progress)
        command = [str(java), *self._jvm_options(), "-cp", os.pathsep.join(map(str, classpath))]
        try:
            self._directory.take()
            self._configure()
            self._format(command, progress)
            progress(f"start: Kafka by {java}, heap {self._settings.heap_mib} MiB, log {self._directory.server_log}")
            self._launch(command)
            self._wait_until_started()
        except BaseException:
            self.kill()
            raise
        progress(f"ready: {self.bootstrap} after {time.monotonic() - began:.1f} s")
        return self.bootstrap

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for the broker to end by itself: its exit status, or None where it still runs after ``timeout_s``."""
        if self._process is None:
            raise CannotStart("this broker was never started")
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def last_words(self) -> str:
        """The line of the broker's logs that best says why it ended."""
        return self._directory.last_words()

    def stop(self) -> None:
        """Clean stop: Kafka flushes and closes its files. Does nothing where nothing runs."""
        if self._process is not None:
            self._process.terminate()
            if self.wait(STOP_TIMEOUT_S) is None:
                self._process.kill()
                self._process.wait()
        self._directory.release()

    def kill(self) -> None:
        """``kill -9``. Does nothing where nothing runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._directory.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _jvm_options(self) -> list[str]:
        return [
            f"-Xmx{self._settings.heap_mib}m",
            "-XX:+UseSerialGC",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            "-Djava.awt.headless=true",
            f"-Djava.io.tmpdir={self._directory.tmp}",
            f"-Dspanledger.logs={self._directory.logs}",
            f"-Dlog4j2.configurationFile={files('ingest.broker').joinpath('log4j2.properties')}",
        ]

    def _configure(self) -> None:
        if self._port == 0:
            self._port = free_port()
        elif not is_free(self._port):
            raise CannotStart(f"port {self._port} is taken; choose another with --port (0 = a free one)")
        properties = server_properties(
            port=self._port,
            controller_port=free_port(besides={self._port}),
            log_dir=self._directory.data,
            extra=self._properties,
        )
        self._directory.write_configuration(render(properties))

    def _format(self, command: list[str], progress: Progress) -> None:
        if self._directory.is_formatted:
            return
        progress(f"format: new data directory {self._directory.data}")
        configuration = str(self._directory.configuration)
        tool = [*command, "kafka.tools.StorageTool", "format", "--cluster-id", _new_cluster_id(), "-c", configuration]
        try:
            subprocess.run(
                tool, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=True, env=_java_environment()
            )
        except subprocess.CalledProcessError as error:
            said = why(error.stdout + error.stderr)
            raise CannotStart(f"Kafka cannot format {self._directory.data}: {said}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotStart(f"Kafka's storage tool does not run: {error}") from error

    def _launch(self, command: list[str]) -> None:
        with self._directory.console_log.open("wb") as console:
            self._process = subprocess.Popen(
                [*leash(), *command, "kafka.Kafka", str(self._directory.configuration)],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=_java_environment(),
                pass_fds=self._directory.lock_fds,
                start_new_session=True,  # Ctrl-C is ours to turn into a clean stop
            )

    def _wait_until_started(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while STARTED not in self._directory.server_log_text():
            if self.wait(POLL_S) is not None:
                raise CannotStart(f"Kafka ended while it started: {self._directory.last_words()}")
            if time.monotonic() > deadline:
                raise CannotStart(f"Kafka did not start in {START_TIMEOUT_S:.0f} s: {self._directory.last_words()}")


def _java_environment() -> dict[str, str]:
    """Ours, in a locale that can name any file: in the C locale Java cannot open a path that is not ASCII."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _new_cluster_id() -> str:
    """A random Kafka Uuid: 16 bytes in URL-safe base64, never starting with a dash (Uuid.randomUuid)."""
    encoded = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return encoded if not encoded.startswith("-") else _new_cluster_id()
