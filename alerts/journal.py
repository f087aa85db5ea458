"""The journal: all incident events, committed one after the other whoever writes.

Every commit takes the next number. A commit whose number is taken is refused, and by then the journal has been read
anew: what was decided in ignorance must be decided again. So two workers never both decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alerts.incidents import Event, Incident, Subject, from_table, incidents_of, latest_incidents, to_table
from alerts.ledger import Ledger


class Journal:
    """The events as of the last look."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._version: int | None = None
        self._events: tuple[Event, ...] = ()
        self._incidents: Mapping[str, Incident] = {}
        self._latest: Mapping[Subject, Incident] = {}

    @property
    def events(self) -> Sequence[Event]:
        """All events, book-keeping included."""
        return self._events

    @property
    def incidents(self) -> Mapping[str, Incident]:
        """All incidents by id, in the order in which they opened."""
        return self._incidents

    @property
    def latest(self) -> Mapping[Subject, Incident]:
        """The last incident of each subject."""
        return self._latest

    def refresh(self) -> bool:
        """Read what others have written; whether there was anything."""
        standing = self._ledger.last_version()  # before the rows: they may be newer, never older
        if standing == self._version:
            return False
        self._version = standing
        self._know(from_table(self._ledger.events()))
        return True

    def commit(self, events: Sequence[Event]) -> bool:
        """Append the events; False = somebody else came first, and the journal has been read anew."""
        number = 0 if self._version is None else self._version + 1
        if not self._ledger.append(to_table(events), number):
            self.refresh()
            return False
        self._version = number
        self._know([*self._events, *events])
        return True

    def _know(self, events: Sequence[Event]) -> None:
        self._events = tuple(events)
        self._incidents = incidents_of(events)
        self._latest = latest_incidents(self._incidents.values())
