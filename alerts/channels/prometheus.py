"""Prometheus Alertmanager, API v2: one alert per open incident.

The label set is the alert's identity there, so it holds only what stays the same for an incident's whole life; amounts
and causes are annotations. An active alert carries an end four refreshes and the longest rest of a courier ahead: if
all workers die, the Alertmanager resolves it by itself; until then it is sent again in time. One that has ended is sent
again with its end for a while: an Alertmanager that restarts forgets alerts, but not whom it has told. The severity is
a label, by which routes choose: one that escalates ends as a warning and begins as critical, in one request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.channels.channel import LONGEST_REST_S, STILL_SAID
from alerts.channels.http import get_json, post_json
from alerts.errors import ChannelDown
from alerts.health.table import HEALTH
from alerts.incidents import ESCALATED, RESOLVED, TOLD, UNATTRIBUTED, Event
from alerts.text import details, page_of

ALERT, BUDGET_ALERT, HEALTH_ALERT = "SpanLedgerSpend", "SpanLedgerBudget", "SpanLedgerHealth"
WARNING = "warning"
REFRESHES_AHEAD = 4


class Alertmanager:
    """Posts alerts to one Alertmanager."""

    hears = TOLD

    def __init__(
        self,
        url: str,
        *,
        dashboard_url: str,
        runbooks_url: str | None = None,
        refresh_s: float,
        name: str = "alertmanager",
    ) -> None:
        self.name = name
        self.refresh_s: float | None = refresh_s
        api = f"{url.rstrip('/')}/api/v2"
        self._url, self._silences_url = f"{api}/alerts", f"{api}/silences"
        self._dashboard_url, self._runbooks_url = dashboard_url, runbooks_url
        self._active_for = timedelta(seconds=REFRESHES_AHEAD * refresh_s + LONGEST_REST_S)

    def send(self, event: Event, now: datetime) -> None:
        """See ``Channel``."""
        post_json(self._url, [self._alert(one, now) for one in _as_told(event)])

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``."""
        told = sorted((one for event in active for one in _as_told(event)), key=lambda one: one.event != RESOLVED)
        ended_first = [one for one in told if one.event != RESOLVED or now - one.recorded_at < STILL_SAID]
        alerts = {tuple(labels_of(one).items()): self._alert(one, now) for one in ended_first}
        if alerts:
            post_json(self._url, [*alerts.values()])

    def silences(self) -> Sequence[Mapping[str, Any]]:
        """The silences that it has, as its API tells them. Raises ChannelDown."""
        found = get_json(self._silences_url)
        if not isinstance(found, list):
            raise ChannelDown(f"{self.name}: its silences are no list")
        return found

    def _alert(self, event: Event, now: datetime) -> dict[str, Any]:
        ends_at = event.recorded_at if event.event == RESOLVED else now + self._active_for
        return {
            "labels": labels_of(event),
            "annotations": {"summary": event.summary or "", **details(event, self._runbooks_url)},
            "startsAt": _rfc3339(event.opened_at),
            "endsAt": _rfc3339(ends_at),
            "generatorURL": page_of(event, self._dashboard_url),
        }


def alert_name(signal: str, budget: str | None = None) -> str:
    """The label ``alertname`` of a signal."""
    if signal in HEALTH:
        return HEALTH_ALERT
    return ALERT if budget is None else BUDGET_ALERT


def _as_told(event: Event) -> list[Event]:
    """One that escalates is two alerts: the warning is over."""
    return [replace(event, event=RESOLVED, severity=WARNING), event] if event.event == ESCALATED else [event]


def labels_of(event: Event) -> dict[str, str]:
    """The identity of its alert: of the incidents that are open each has another."""
    return {
        "alertname": alert_name(event.signal, event.budget),
        "signal": event.signal,
        "severity": event.severity,
        **_whose(event),
    }


def _whose(event: Event) -> dict[str, str]:
    """Labels that name whose spend it is: what the scope names; a budget of several tenants or features names none."""
    budget = {} if event.budget is None else {"budget": event.budget}
    return {**budget, **{name: value or UNATTRIBUTED for name, value in event.scope.values}}


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
