"""The webhook: each incident event as one JSON object.

Header ``Idempotency-Key`` carries the event id. An event that was taken but whose delivery could not be noted comes
again under the same id: a receiver that has seen the id has nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts.channels.http import post_json
from alerts.incidents import Event, as_json

PRIVATE = ("channel", "actor", "note", "recorded_at")


class Webhook:
    """Posts events to one URL."""

    name = "webhook"
    refresh_s: float | None = None

    def __init__(self, url: str, *, dashboard_url: str) -> None:
        self._url = url
        self._dashboard_url = dashboard_url

    def send(self, event: Event, now: datetime) -> None:  # noqa: ARG002 - the seam's
        """See ``Channel``."""
        body = {name: value for name, value in as_json(event).items() if name not in PRIVATE}
        post_json(self._url, {**body, "link": self._dashboard_url}, {"Idempotency-Key": event.event_id})

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``; a webhook is told of events only."""
