"""Slack: an incoming webhook that gets blocks. Each event is a message; Slack's webhooks cannot change an earlier one.

Source: docs.slack.dev, "Sending messages using incoming webhooks" and the Block Kit reference (limits of texts).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from alerts.advice import advise
from alerts.channels.http import post_json
from alerts.incidents import ESCALATED, OPENED, RESOLVED, TOLD, UPDATED, Event
from alerts.text import amounts, page_of, reasons, spaced

MOST_HEADER = 150
MOST_TEXT = 3000
NOBODY = "no single one"
"""Is the cause where contributors were looked for and none has half; where nobody looked none is told."""
TITLES = {OPENED: "Incident", UPDATED: "Worse", ESCALATED: "Critical", RESOLVED: "Over"}


class Slack:
    """Posts to one incoming webhook."""

    hears = TOLD
    refresh_s: float | None = None

    def __init__(self, url: str, *, dashboard_url: str, runbooks_url: str | None = None, name: str = "slack") -> None:
        self.name = name
        self._url = url
        self._dashboard_url, self._runbooks_url = dashboard_url, runbooks_url

    def send(self, event: Event, now: datetime) -> None:  # noqa: ARG002 - the seam's
        """See ``Channel``."""
        post_json(self._url, self._message(event))

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``; what was said stays said."""

    def _message(self, event: Event) -> dict[str, Any]:
        title = f"{TITLES[event.event]}: {event.signal} of {event.budget or event.scope}"
        shown = {**amounts(event), "severity": event.severity}
        time = int(event.opened_at.timestamp())
        link = f"<{page_of(event, self._dashboard_url)}|SpanLedger>"
        since = f"<!date^{time}^Open since {{date_short_pretty}} {{time}}|Open since {event.opened_at.isoformat()}>"
        return {
            "text": escaped(event.summary or title)[:MOST_TEXT],
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": title[:MOST_HEADER]}},
                _section(escaped(event.summary or title)),
                {
                    "type": "section",
                    "fields": [
                        {"type": "mrkdwn", "text": f"*{spaced(name).capitalize()}*\n{escaped(value or NOBODY)}"}
                        for name, value in shown.items()
                        if value or event.contributors
                    ],
                },
                *_sections(event),
                _section(self._what_to_do(event)),
                {
                    "type": "context",
                    "elements": [
                        {
                            "type": "mrkdwn",
                            "text": f"{since} · {link} · {event.incident_id}",
                        }
                    ],
                },
            ],
        }

    def _what_to_do(self, event: Event) -> str:
        """The first step, and the page that says more: a link where it is known where the pages are."""
        action, page = advise(event.signal, self._runbooks_url).values()
        runbook = f"<{page}|{event.signal}>" if self._runbooks_url else page
        return f"*What to do* {escaped(action)}\n*Runbook* {runbook}"


def _sections(event: Event) -> list[dict[str, Any]]:
    """What is new, and traces; none where nobody knows. Why is in the summary."""
    known = {name: text for name, text in reasons(event).items() if text and name != "why"}
    said = [f"*{name.capitalize()}* {escaped(text)}" for name, text in known.items()]
    return [_section("\n".join(said))] if said else []


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:MOST_TEXT]}}


def escaped(text: str) -> str:
    """Text without Slack's three control characters: names of tenants are no mentions and no links."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
