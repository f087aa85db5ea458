"""The webhook: each incident event as a CloudEvent, signed where a secret is given.

The type is ``spanledger.incident.opened``, ``.updated``, ``.escalated`` or ``.resolved``; ``data`` is the event as the
topic ``spanledger.alerts`` has it, what to do (``action``, ``runbook``), and a link. The id is the event's: one that
was taken but whose delivery could not be noted comes again under the same id, and a receiver that has seen it has
nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts.advice import advise
from alerts.channels.signed import send
from alerts.incidents import TOLD, Event, as_json
from alerts.text import page_of

PRIVATE = ("channel", "actor", "note", "recorded_at")


class Webhook:
    """Posts events to one URL."""

    hears = TOLD
    refresh_s: float | None = None

    def __init__(
        self,
        url: str,
        *,
        dashboard_url: str,
        runbooks_url: str | None = None,
        key: bytes | None = None,
        name: str = "webhook",
    ) -> None:
        self.name = name
        self._url = url
        self._key = key
        self._dashboard_url, self._runbooks_url = dashboard_url, runbooks_url

    def send(self, event: Event, now: datetime) -> None:
        """See ``Channel``."""
        said = {name: value for name, value in as_json(event).items() if name not in PRIVATE}
        send(
            self._url,
            self._key,
            id_=event.event_id,
            kind=f"spanledger.incident.{event.event}",
            subject=event.incident_id,
            now=now,
            data={**said, **advise(event.signal, self._runbooks_url), "link": page_of(event, self._dashboard_url)},
        )

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``; a webhook is told of events only."""
