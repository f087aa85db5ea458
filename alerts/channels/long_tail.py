"""Everything else, through ``apprise`` (the extra ``apprise``): Teams, Discord, Opsgenie, Telegram, SMS and so on.

A channel has one URL, so a service that is down keeps no other waiting, and one that took an event is not told again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from alerts.errors import ChannelDown
from alerts.incidents import RESOLVED, TOLD, Event
from alerts.text import as_lines, page_of

MISSING = "needs apprise: pip install 'spanledger[apprise]'"


class Apprise:
    """Sends to the service that its URL names. Raises ValueError without apprise or where the URL is none of its."""

    hears = TOLD
    refresh_s: float | None = None

    def __init__(self, url: str, *, dashboard_url: str, runbooks_url: str | None = None, name: str = "apprise") -> None:
        try:
            import apprise  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ValueError(MISSING) from error
        self.name = name
        self._dashboard_url, self._runbooks_url = dashboard_url, runbooks_url
        self._service: Any = apprise.Apprise()
        if not self._service.add(url):
            raise ValueError("is no URL that apprise knows")  # it may hold a secret: not printed

    def send(self, event: Event, now: datetime) -> None:  # noqa: ARG002 - the seam's
        """See ``Channel``."""
        kind = "success" if event.event == RESOLVED else "failure" if event.severity == "critical" else "warning"
        title = f"{event.signal} of {event.budget or event.scope}"
        body = "\n".join([*as_lines(event, self._runbooks_url), page_of(event, self._dashboard_url)])
        if not self._service.notify(title=title, body=body, notify_type=kind):
            raise ChannelDown("apprise: the service did not take it")

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``; those services are told of events only."""
