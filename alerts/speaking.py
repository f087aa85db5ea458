"""Write what people say of incidents into the journal of a lake: for the command line and the pages."""

from __future__ import annotations

from datetime import datetime

from alerts.errors import NotWritten
from alerts.incidents import Event
from alerts.journal import Journal
from alerts.lake_ledger import LakeLedger
from alerts.people import say
from warehouse.lake import Lake
from warehouse.reader import Warehouse
from warehouse.settings import LakeSettings

ATTEMPTS = 5


def open_journal(settings: LakeSettings) -> Journal:
    """The journal as it stands. Raises LakeMissing, LakeUnavailable."""
    journal = Journal(LakeLedger(Lake.open(settings, create=False), Warehouse(settings)))
    journal.refresh()
    return journal


def speak(
    journal: Journal,
    incident_id: str,
    kind: str,
    *,
    who: str,
    now: datetime,
    note: str | None = None,
    until: datetime | None = None,
) -> Event:
    """Commit what ``who`` says of an incident as it stands then. Raises NotWritten, KeyError for an unknown one."""
    for _ in range(ATTEMPTS):
        event = say(journal.incidents[incident_id], kind, who=who, now=now, note=note, until=until)
        if journal.commit([event]):
            return event
    raise NotWritten("the journal of incidents could not be written; try again")
