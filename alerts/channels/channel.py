"""The seam: a channel takes one event, or says that it is down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from alerts.errors import ChannelDown
from alerts.incidents import TOLD, Event

LONGEST_REST_S = 300.0
"""Between two attempts at a channel that refuses."""
STILL_SAID = timedelta(minutes=15)
"""After its end an incident is refreshed as ended, as Prometheus does: who restarts meanwhile has forgotten it."""


class Channel(Protocol):
    """Takes events that people are told of; may be given the same one again and must then tell nobody twice."""

    @property
    def name(self) -> str:
        """What the outbox calls it; notes of delivery are kept under this name."""

    @property
    def hears(self) -> Sequence[str]:
        """Kinds of events that it is sent: ``TOLD``, or these and ``ACKNOWLEDGED``."""

    @property
    def refresh_s(self) -> float | None:
        """How often it wants to hear of what is still open; None = never."""

    def send(self, event: Event, now: datetime) -> None:
        """Deliver one event. Raises ChannelDown."""

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """Say again what is open, and what has ended ``STILL_SAID`` ago or less: the latest event of each.

        Raises ChannelDown.
        """


class MemoryChannel:
    """Keeps what it is given; ``down`` makes it refuse."""

    hears: Sequence[str] = TOLD

    def __init__(self, name: str = "memory", *, refresh_s: float | None = None) -> None:
        self.name = name
        self.refresh_s = refresh_s
        self.down = False
        self.events: list[Event] = []
        self.refreshed: list[Event] = []

    def send(self, event: Event, now: datetime) -> None:  # noqa: ARG002 - the seam's
        """See ``Channel``."""
        if self.down:
            raise ChannelDown(f"{self.name} is down")
        self.events.append(event)

    def refresh(self, active: Sequence[Event], now: datetime) -> None:  # noqa: ARG002 - the seam's
        """See ``Channel``."""
        if self.down:
            raise ChannelDown(f"{self.name} is down")
        self.refreshed.extend(active)
