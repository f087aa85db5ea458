"""The action hook: a signed request that a gateway can act on when an incident opens as critical, or becomes it.

Off unless a channel of the kind ``action`` is configured, and a dry run unless that says ``dry_run = false``: whoever
gets a request with ``dry_run: true`` only says what it would do. The request is a CloudEvent of the type
``spanledger.action.requested``; ``data`` names one of three actions and whom it is about:

* ``throttle_principal``: one key explains half of the excess or more;
* ``route_to_fallback``: one model does;
* ``cap_budget``: neither; the budget, or the tenant and feature, of the incident.

Of health only what another model would mend asks for something, and so does a price (``REROUTED``):
``route_to_fallback`` of the model or provider. Where nobody is named nothing is sent: it would be about everybody.

The end of the incident is ``spanledger.action.withdrawn`` with the action of the last request, which replaces earlier
ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from alerts.channels.signed import send
from alerts.explain import share
from alerts.health.table import HEALTH
from alerts.incidents import RESOLVED, TOLD, Contributor, Event
from alerts.signals.kinds import PRICE
from alerts.text import NAMED_SHARE, page_of

CRITICAL = "critical"
BY_DIMENSION = {"principal": "throttle_principal", "model": "route_to_fallback"}
OTHERWISE = "cap_budget"
REROUTED = frozenset({PRICE, "errors_provider", "errors_rate_limit", "errors_quota", "ttft_p95", "duration_p95"})
REQUESTED, WITHDRAWN = "spanledger.action.requested", "spanledger.action.withdrawn"


class Action:
    """Asks one URL to act."""

    hears = TOLD
    refresh_s: float | None = None

    def __init__(self, url: str, key: bytes, *, dashboard_url: str, dry_run: bool = True, name: str = "action") -> None:
        self.name = name
        self._url = url
        self._key = key
        self._dashboard_url = dashboard_url
        self._dry_run = dry_run

    def send(self, event: Event, now: datetime) -> None:
        """See ``Channel``. An incident that is not critical, or names nobody, asks for nothing."""
        if event.severity != CRITICAL or event.signal in HEALTH - REROUTED:
            return
        asked = what_to_do(event)
        if asked is None:
            return
        send(
            self._url,
            self._key,
            id_=event.event_id,
            kind=WITHDRAWN if event.event == RESOLVED else REQUESTED,
            subject=event.incident_id,
            now=now,
            data={**asked, "dry_run": self._dry_run, "link": page_of(event, self._dashboard_url)},
        )

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``; what was asked for stays asked for."""


def as_asked(event: Event, journal: Sequence[Event]) -> Event:
    """The end of an incident with the causes that were last told of it: what is withdrawn is what was asked for."""
    if event.event != RESOLVED:
        return event
    told = [one for one in journal if one.incident_id == event.incident_id and one.event in TOLD]
    asked = [one for one in told if one.event != RESOLVED and not one.is_hushed and one.sequence < event.sequence]
    if not asked:
        return event
    last = max(asked, key=lambda one: one.sequence)
    return replace(
        last,
        event=RESOLVED,
        event_id=event.event_id,
        sequence=event.sequence,
        recorded_at=event.recorded_at,
        summary=event.summary,
        note=event.note,
    )


def what_to_do(event: Event) -> dict[str, Any] | None:
    """The action, whom it is about, and why; null = all of them. None where it would be about everybody."""
    dimensions = ("model",) if event.signal in REROUTED else tuple(BY_DIMENSION)
    cause = _main_cause(event, dimensions)
    otherwise = BY_DIMENSION["model"] if event.signal in REROUTED else OTHERWISE
    action = BY_DIMENSION[cause.dimension] if cause else otherwise
    model = cause.value if cause and cause.dimension == "model" else event.model
    whose = {"budget": event.budget, "tenant": event.tenant, "feature": event.feature}
    served = {"provider": event.provider, "model": model}
    if not any((served if action == BY_DIMENSION["model"] else whose).values()):
        return None
    return {
        "action": action,
        **whose,
        **served,
        "principal": cause.value if cause and cause.dimension == "principal" else None,
        "reason": event.summary,
        "excess_usd_per_hour": format(event.excess_usd_per_hour, "f"),
        "incident_id": event.incident_id,
    }


def _main_cause(event: Event, dimensions: Sequence[str]) -> Contributor | None:
    """The first that explains half of the excess, of the dimensions in their order."""
    for dimension in dimensions:
        for one in event.contributors:
            named = one.dimension == dimension and one.value is not None
            if named and share(one, event.excess_usd) >= NAMED_SHARE:
                return one
    return None
