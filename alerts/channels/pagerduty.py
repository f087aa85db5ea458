"""PagerDuty, Events API v2: an incident is one alert, whose ``dedup_key`` is the incident's id.

Source: developer.pagerduty.com, "Send an Alert Event". 202 is taken; 400 says that the event is wrong; 429 and 5xx are
tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from alerts.channels.http import post_json
from alerts.incidents import ACKNOWLEDGED, RESOLVED, TOLD, UNATTRIBUTED, Event
from alerts.text import details, page_of

URL = "https://events.pagerduty.com/v2/enqueue"
MOST_SUMMARY = 1024
ACTIONS = {ACKNOWLEDGED: "acknowledge", RESOLVED: "resolve"}
"""What says nothing but that; all else triggers."""
SOURCE, COMPONENT = ("tenant", "provider", "model", "principal"), ("feature", "model", "provider", "principal")
"""Dimensions, of which the first that the scope names is told."""


class PagerDuty:
    """Sends events to one service, which its routing key names."""

    hears = (*TOLD, ACKNOWLEDGED)
    refresh_s: float | None = None

    def __init__(
        self,
        routing_key: str,
        *,
        dashboard_url: str,
        runbooks_url: str | None = None,
        url: str = URL,
        name: str = "pagerduty",
    ) -> None:
        self.name = name
        self._routing_key = routing_key
        self._dashboard_url, self._runbooks_url = dashboard_url, runbooks_url
        self._url = url

    def send(self, event: Event, now: datetime) -> None:  # noqa: ARG002 - the seam's
        """See ``Channel``."""
        post_json(self._url, self._body(event))

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``; an alert stays open until it is resolved."""

    def _body(self, event: Event) -> dict[str, Any]:
        known = {"routing_key": self._routing_key, "dedup_key": event.incident_id}
        if event.event in ACTIONS:
            return {**known, "event_action": ACTIONS[event.event]}
        return {
            **known,
            "event_action": "trigger",
            "client": "SpanLedger",
            "client_url": page_of(event, self._dashboard_url),
            "links": [{"href": page_of(event, self._dashboard_url), "text": "Incident in SpanLedger"}],
            "payload": {
                "summary": (event.summary or str(event.scope))[:MOST_SUMMARY],
                "source": _first(event, SOURCE),
                "severity": event.severity,
                "timestamp": event.opened_at.astimezone(UTC).isoformat(),
                "component": _first(event, COMPONENT),
                "group": event.budget or _first(event, SOURCE),
                "class": event.signal,
                "custom_details": details(event, self._runbooks_url),
            },
        }


def _first(event: Event, dimensions: Sequence[str]) -> str:
    named = event.scope.as_dict()
    return next((named[name] for name in dimensions if name in named), None) or UNATTRIBUTED
