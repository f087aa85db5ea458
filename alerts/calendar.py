"""The calendar of what is meant to be odd: launches, campaigns, backfills, new keys. ``docs/alerts.md`` has its form.

    [[event]]
    kind = "launch"
    starts_at = 2026-11-23T09:00:00Z
    ends_at = 2026-11-27T09:00:00Z
    tenant = "acme"
    feature = "search"
    note = "new search for everybody"

An event explains what is odd of every value that it does not name, as far as its kind does (``alerts.announced``);
``signals = ["duration_p95"]`` explains those as well.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from alerts.announced import doubt_about, explained_by, is_leaving, wrong_signal
from alerts.errors import BadCalendar
from alerts.signals.kinds import SPEND
from alerts.signals.leaves import DIMENSIONS

log = logging.getLogger("spanledger.alerts")

TEXTS = ("kind", *DIMENSIONS, "note")
TIMES = ("starts_at", "ends_at")
SIGNALS = "signals"
EARLY, LATE = timedelta(minutes=30), timedelta(hours=2)
"""Before and after its time an event still explains what is odd."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``values``: names by dimension, of those that it names; at least a tenant or a model.

    ``signals``: beyond those that its kind explains. Values may name the ``signal`` as well: it is of that one alone.
    ``is_exact``: it explains nothing before and after its time.
    """

    kind: str
    starts_at: datetime
    ends_at: datetime
    values: Mapping[str, str | None]
    note: str | None = None
    is_exact: bool = False
    signals: tuple[str, ...] = ()

    def explains(self, time: datetime, scope: Mapping[str, str | None]) -> bool:
        """Whether the scope is expected to be odd then; None = unattributed, what is missing is all.

        Of its ``signal``; without one it is of spend.
        """
        early, late = (timedelta(0), timedelta(0)) if self.is_exact else (EARLY, LATE)
        in_time = self.starts_at - early <= time <= self.ends_at + late
        return in_time and self._is_of(scope.get("signal") or SPEND) and self.values.items() <= scope.items()

    def explains_absence(self, time: datetime, scope: Mapping[str, str | None]) -> bool:
        """Whether nothing is expected to come of the scope: it has left by then."""
        return is_leaving(self.kind) and self.starts_at <= time and self.values.items() <= scope.items()

    def _is_of(self, signal: str) -> bool:
        return "signal" in self.values or signal in self.signals or signal in explained_by(self.kind)


def read_calendar(path: Path) -> tuple[Event, ...]:
    """The events of a TOML file. Raises BadCalendar, which names file, entry and what is allowed."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadCalendar(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadCalendar(f"{path}: is not TOML: {error}") from error
    try:
        return parse_calendar(content)
    except BadCalendar as error:
        raise BadCalendar(f"{path}: {error}") from error


def parse_calendar(content: Mapping[str, Any]) -> tuple[Event, ...]:
    """The events of a file's content. Raises BadCalendar."""
    entries = content.get("event", [])
    if set(content) - {"event"} or not isinstance(entries, list):
        raise BadCalendar("has only [[event]] tables")
    return tuple(_event(f"event {place}", entry) for place, entry in enumerate(entries, 1))


def _event(where: str, entry: Any) -> Event:
    if not isinstance(entry, dict):
        raise BadCalendar(f"{where}: must be a table under [[event]]")
    for name, value in entry.items():
        if name not in (*TEXTS, *TIMES, SIGNALS):
            raise BadCalendar(f"{where}: has no {name!r}; there are {', '.join((*TEXTS, *TIMES, SIGNALS))}")
        if name in TEXTS and not (isinstance(value, str) and value):
            raise BadCalendar(f"{where}: {name} = {value!r}: must be text")
    starts_at, ends_at = (_time(where, entry, name) for name in TIMES)
    if ends_at <= starts_at:
        raise BadCalendar(f"{where}: ends_at must be after starts_at")
    if "kind" not in entry:
        raise BadCalendar(f"{where}: kind is missing, like launch, campaign, backfill, onboarding or decommission")
    values = {name: entry[name] for name in DIMENSIONS if name in entry}
    if not values:
        raise BadCalendar(f"{where}: must name at least one of {', '.join(DIMENSIONS)}")
    if doubt := doubt_about(entry["kind"]):
        log.warning("calendar: %s: %s", where, doubt)
    return Event(
        kind=entry["kind"],
        starts_at=starts_at,
        ends_at=ends_at,
        values=values,
        note=entry.get("note"),
        signals=_signals(where, entry.get(SIGNALS, [])),
    )


def _signals(where: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise BadCalendar(f'{where}: signals = {given!r}: must be a list like ["pii"]')
    for one in given:
        if wrong := wrong_signal(one):
            raise BadCalendar(f"{where}: {wrong}")
    return tuple(given)


def _time(where: str, entry: Mapping[str, Any], name: str) -> datetime:
    given = entry.get(name)
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            given = entry[name]
    if not isinstance(given, datetime) or given.tzinfo is None:
        raise BadCalendar(f"{where}: {name} = {given!r}: must be a time with its zone like 2026-11-23T09:00:00Z")
    return given


class Announced(Protocol):
    """Something that explains what is odd: an entry of the file, a word of somebody, a silence."""

    @property
    def ends_at(self) -> datetime:
        """When it is over."""

    def explains(self, time: datetime, scope: Mapping[str, str | None], /) -> bool:
        """Whether usage of the scope (None = unattributed) is expected to be odd at this time."""


def is_announced(events: Sequence[Announced], time: datetime, scope: Mapping[str, str | None]) -> bool:
    """Whether any event explains it."""
    return any(event.explains(time, scope) for event in events)


def explains_opening(
    events: Sequence[Announced],
    time: datetime,
    *,
    leaf: Mapping[str, str | None] | None = None,
    scope: Mapping[str, str | None] | None = None,
) -> bool:
    """Whether an incident must not open: by an entry, of the leaf that is odd; by a silence, of what it would name.

    A silence is of an alert, whose labels are the scope: what a leaf has besides, the Alertmanager is not told.
    """
    judged = ((event, leaf if isinstance(event, Event) else scope) for event in events)
    return any(values is not None and event.explains(time, values) for event, values in judged)


def explained_until(
    events: Sequence[Announced],
    first: datetime,
    last: datetime,
    *,
    leaf: Mapping[str, str | None],
    scope: Mapping[str, str | None],
) -> datetime | None:
    """When what ended last in these minutes was over, of what explained it till then; None = nothing did."""
    ended = (one for one in events if first <= one.ends_at < last)
    return max(
        (one.ends_at for one in ended if explains_opening([one], one.ends_at, leaf=leaf, scope=scope)), default=None
    )


def hushed_by(events: Sequence[Announced], time: datetime) -> Callable[[Mapping[str, str | None], str], bool]:
    """Whether any event explains a scope's signal at this time."""
    return lambda scope, signal: is_announced(events, time, {**scope, "signal": signal})


class CalendarFile:
    """The calendar of a worker that runs: read again when the file has changed.

    One that cannot be read then is told in the log once, and what it said last goes on. Raises BadCalendar at first.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp = self._look()
        self._events = read_calendar(path) if path else ()

    def events(self) -> tuple[Event, ...]:
        """As of now."""
        stamp = self._look()
        if self._path is None or stamp == self._stamp:
            return self._events
        self._stamp = stamp
        try:
            self._events = read_calendar(self._path)
        except BadCalendar as error:
            log.error("the calendar has become unreadable, what it said before goes on: %s", error)  # noqa: TRY400 - a line
        else:
            log.info("calendar read again: events=%d", len(self._events))
        return self._events

    def _look(self) -> tuple[int, int, int] | None:
        """What changes with the file; None = there is none."""
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None
