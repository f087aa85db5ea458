"""Silences of the Alertmanager as a calendar: what is silenced there opens nothing here, and is told nobody anew.

A silence counts if it names a tenant, feature, model, principal or provider and says nothing of the severity, which
nobody knows before an incident opens; others mute the Alertmanager alone. Its matchers are heeded as the Alertmanager
does: all must hold, a label that is not there is empty, regular expressions match the whole value. One that is over
still says what was silenced, of minutes that are judged again and in windows that reach back to it.

They are read in a thread of their own, a minute after the last time, and only the first look waits for them. What was
read counts for ten minutes at most while the Alertmanager does not answer: who is in doubt tells.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from alerts import metrics
from alerts.channels.prometheus import alert_name
from alerts.errors import ChannelDown
from alerts.incidents import SCOPED_BY, SIGNAL_SPEND, UNATTRIBUTED
from alerts.minutes import to_minute, to_time

log = logging.getLogger("spanledger.alerts")

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
STALE = timedelta(minutes=10)
FIRST_WAIT_S = 2.0
IN_FORCE = ("active", "expired")
KEPT = timedelta(days=2)
"""So long after its end it still says what was silenced: the longest window, of the oldest minute that is judged."""
UNKNOWN_YET = "severity"


class Source(Protocol):
    """An Alertmanager."""

    @property
    def name(self) -> str:
        """What it is called in metrics."""

    def silences(self) -> Sequence[Mapping[str, Any]]:
        """As ``GET /api/v2/silences`` has them. Raises ChannelDown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """A label must (``is_equal``) or must not have a value, or match an expression."""

    name: str
    value: str | re.Pattern[str]
    is_equal: bool

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether it does of these labels."""
        text = labels.get(self.name, "")
        found = text == self.value if isinstance(self.value, str) else self.value.fullmatch(text) is not None
        return found == self.is_equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """An ``alerts.calendar`` entry that is made of matchers."""

    starts_at: datetime
    ends_at: datetime
    matchers: tuple[Matcher, ...]

    def explains(self, time: datetime, scope: Mapping[str, str | None]) -> bool:
        """Whether it silences the scope in this minute; those of the hour before it too, which are judged still.

        The scope may have the ``signal`` and ``budget`` too, which name the alert; without these it is of spend.
        """
        name = alert_name(scope.get("signal") or SIGNAL_SPEND, scope.get("budget"))
        labels = {"alertname": name, **{name: value or UNATTRIBUTED for name, value in scope.items()}}
        return self.starts_at - HOUR <= time <= self.ends_at and all(one.holds(labels) for one in self.matchers)


def read_silence(given: Mapping[str, Any]) -> Silence | None:
    """A silence that is active or was, that counts, and that can be read; else None."""
    try:
        matchers = tuple(_matcher(one) for one in given["matchers"])
        starts_at, ends_at = (datetime.fromisoformat(given[name]) for name in ("startsAt", "endsAt"))
        was_active = given["status"]["state"] in IN_FORCE and starts_at < ends_at  # else taken back before it began
    except (KeyError, TypeError, ValueError, AttributeError, re.error):
        return None
    names = {one.name for one in matchers}
    counts = names & set(SCOPED_BY) and UNKNOWN_YET not in names and starts_at.tzinfo and ends_at.tzinfo
    begins_at = to_time(to_minute(starts_at))  # minutes are judged whole
    return Silence(starts_at=begins_at, ends_at=ends_at, matchers=matchers) if was_active and counts else None


def _matcher(given: Mapping[str, Any]) -> Matcher:
    value = str(given["value"])
    return Matcher(
        name=given["name"],
        value=re.compile(value) if given["isRegex"] else value,
        is_equal=given.get("isEqual", True),
    )


class Silences:
    """Those of some Alertmanagers, each read by itself."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._read: dict[str, tuple[datetime, list[Silence]]] = {}
        self._tried_at: datetime | None = None
        self._reading: threading.Thread | None = None

    def known(self, now: datetime) -> Sequence[Silence]:
        """What was read last; another reading begins where it is time."""
        if self._sources and (self._tried_at is None or now - self._tried_at >= MINUTE) and not self._is_reading():
            is_first, self._tried_at = self._tried_at is None, now
            self._reading = threading.Thread(target=self._read_all, args=(now,), daemon=True)
            self._reading.start()
            if is_first:
                self._reading.join(FIRST_WAIT_S)
        read = [one for at, silences in list(self._read.values()) if now - at < STALE for one in silences]
        return [one for one in read if now - one.ends_at < KEPT]

    def _is_reading(self) -> bool:
        return self._reading is not None and self._reading.is_alive()

    def _read_all(self, now: datetime) -> None:
        for source in self._sources:
            try:
                found = [read_silence(one) for one in source.silences()]
            except ChannelDown as error:
                metrics.silence_reads.add(1, {"channel": source.name, "outcome": "failed"})
                log.warning("silences could not be read: channel=%s reason=%s", source.name, error)
            else:
                metrics.silence_reads.add(1, {"channel": source.name, "outcome": "read"})
                self._read[source.name] = now, [one for one in found if one is not None]
