"""Serve the pages: Streamlit as a child process, on one address, with nothing that leaves the machine.

Telemetry, file watching, the welcome banner (it asks the internet for this machine's address) and Streamlit's
developer menu are off. On a loopback address only loopback names are accepted as ``Host``, so no other site's name
can be bound to the pages; a proxy that signs people in proves itself by a secret instead.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from dashboards.errors import OpenToAll, PagesFailed, PortTaken
from dashboards.handover import Handover, written
from dashboards.people import read_people
from dashboards.settings import DashboardSettings
from dashboards.theme import FLAGS

APP = Path(__file__).with_name("app.py")
HEALTH = "/_stcore/health"
START_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0
POLL_S = 0.1
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Pages that answer at ``url``."""

    url: str
    process: subprocess.Popen[bytes]

    def wait(self) -> None:
        """Wait for ever: pages that end by themselves are PagesFailed."""
        raise PagesFailed(f"Streamlit ended with exit code {self.process.wait()}; see above")


def command(settings: DashboardSettings, handover: Path) -> list[str]:
    """Command line of the child; flags win over every Streamlit configuration file on the machine."""
    options = {
        "server.headless": "true",
        "server.address": settings.host,
        "server.port": str(settings.port),
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "browser.serverAddress": settings.host,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "logger.hideWelcomeMessage": "true",
        "logger.level": "warning",
        **FLAGS,
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    if _is_loopback(settings.host) and not settings.people:
        flags += [f"--server.allowedHosts={name}" for name in LOOPBACK_NAMES]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags, "--", str(handover)]


@contextmanager
def serving(handover: Handover, *, leash: Sequence[str] = ()) -> Iterator[Serving]:
    """Start the pages and wait until they answer; stop them at the end.

    ``leash``: words before Streamlit's command that tie its life to this process. Raises PortTaken, PagesFailed,
    OpenToAll, BadPeople.
    """
    _check_people(handover.dashboard)
    settings = replace(handover.dashboard, port=_claim_port(handover.dashboard.host, handover.dashboard.port))
    with written(replace(handover, dashboard=settings)) as path:
        process = subprocess.Popen([*leash, *command(settings, path)], stdin=subprocess.DEVNULL, stdout=sys.stderr)
        try:
            _wait_until_answering(settings, process)
            yield Serving(url=f"http://{_bracketed(settings.host)}:{settings.port}", process=process)
        finally:
            _stop(process)


def _check_people(settings: DashboardSettings) -> None:
    """Whether people sign in, or nobody but this machine can reach the pages."""
    if settings.people:
        read_people(Path(settings.people))
    elif not _is_loopback(settings.host):
        raise OpenToAll(
            f"{settings.host} is not this machine alone, and nobody signs in: set dashboard.people (docs/sign-in.md), "
            "or leave dashboard.host at 127.0.0.1"
        )


def _claim_port(host: str, port: int) -> int:
    """``port`` itself, or a free one for 0; Streamlit would only say afterwards that it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"cannot listen on {host}:{port} ({error.strerror}); choose another with --port, 0 for a free one"
            ) from error
        return int(probe.getsockname()[1])


def _wait_until_answering(settings: DashboardSettings, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while not _answers(settings):
        if process.poll() is not None:
            raise PagesFailed(f"Streamlit ended with exit code {process.returncode} before it answered; see above")
        if time.monotonic() > deadline:
            raise PagesFailed(
                f"Streamlit did not answer on {settings.host}:{settings.port} within {START_WITHIN_S:.0f} s"
            )
        time.sleep(POLL_S)


def _answers(settings: DashboardSettings) -> bool:
    connection = http.client.HTTPConnection(_reachable(settings.host), settings.port, timeout=2)
    try:
        connection.request("GET", HEALTH)
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reachable(host: str) -> str:
    """An address to ask: a wildcard listens on loopback too."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - names the wildcard, binds nothing


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
