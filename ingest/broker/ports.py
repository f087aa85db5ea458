"""Ports on loopback."""

from __future__ import annotations

import errno
import socket
from collections.abc import Container
from secrets import SystemRandom

from ingest.broker.properties import LOOPBACK
from ingest.errors import CannotStart

# Below the range that the kernel gives to outgoing connections: while a broker is down, no client's own
# connection can be given its port.
FREE_PORTS = range(20_000, 32_768)
PORTS_TRIED = 100


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CannotStart(f"port {port} cannot be used: {error}") from error
            return False
    return True


def free_port(besides: Container[int] = ()) -> int:
    """A loopback port that is free now, and none of those that are taken soon. Raises CannotStart."""
    ports = [port for port in FREE_PORTS if port not in besides]
    for port in SystemRandom().sample(ports, min(PORTS_TRIED, len(ports))):
        if is_free(port):
            return port
    raise CannotStart(f"no free port on {LOOPBACK} in {PORTS_TRIED} tries")
