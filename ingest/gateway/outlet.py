"""The way out: records go somewhere, and each has a future that the acknowledgement resolves."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Protocol

from ingest.gateway.refusals import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One Kafka record to be."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class Outlet(Protocol):
    """Where records go."""

    def send(self, record: Record) -> asyncio.Future[None]:
        """Hand a record over; the future resolves when it is stored, or fails with Refused (kafka, too_large).

        It is settled in any case, however late, and nobody may cancel it.
        """

    async def close(self, timeout_s: float) -> None:
        """Send what is left, for so long, and end."""


class MemoryOutlet:
    """Keeps records in a list; ``hold`` makes it slow, ``fail`` makes it refuse, ``arrived`` tells of the first."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.held: list[asyncio.Future[None]] = []
        self.hold = False
        self.fail: Refused | None = None
        self.arrived = threading.Event()

    def send(self, record: Record) -> asyncio.Future[None]:
        """Store at once, or when ``let_go`` is called."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.fail:
            settled.set_exception(self.fail)
            return settled
        self.records.append(record)
        self.arrived.set()
        if self.hold:
            self.held.append(settled)
        else:
            settled.set_result(None)
        return settled

    def let_go(self) -> None:
        """Acknowledge all that is held."""
        while self.held:
            self.held.pop().set_result(None)

    async def close(self, timeout_s: float) -> None:
        """Nothing is left."""
