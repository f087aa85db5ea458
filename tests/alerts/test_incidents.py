"""Events and incidents: ids, rows, JSON, and the fold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.incidents import (
    CLAIMED,
    NOTIFIED,
    RESOLVED,
    UPDATED,
    Event,
    Incident,
    Scope,
    Subject,
    as_json,
    from_table,
    hash_id,
    incident_id,
    incidents_of,
    latest_incidents,
    to_table,
)
from alerts.outbox import note
from tests.alerts.samples import follow, opened
from tests.alerts.workload import START
from warehouse.schemas import INCIDENTS

OPENED_EVENT = opened()
UPDATED_EVENT = follow(OPENED_EVENT, UPDATED)
RESOLVED_EVENT = follow(UPDATED_EVENT, RESOLVED)
LIFE = [OPENED_EVENT, UPDATED_EVENT, RESOLVED_EVENT]
ACME = Scope.of({"tenant": "acme", "feature": "chat"})
SPEND = Subject(signal="spend", scope=ACME)


def latest(events: Iterable[Event]) -> Mapping[Subject, Incident]:
    """The last incident of each subject."""
    return latest_incidents(incidents_of(events).values())


def test_an_id_depends_on_every_part_and_on_their_borders() -> None:
    ids = {hash_id(*parts) for parts in [("a", "b"), ("ab", ""), ("a", None), ("a", ""), ("b", "a"), ("a", "b", 0)]}

    assert len(ids) == 6


def test_an_incident_keeps_its_id_whoever_opens_it_within_the_minute() -> None:
    ids = {incident_id(ACME, "spend", START + timedelta(seconds=s)) for s in (0, 30, 59)}

    assert len(ids) == 1
    assert incident_id(ACME, "spend", START + timedelta(minutes=1)) not in ids


def test_rows_fit_the_table_and_give_the_events_back() -> None:
    table = to_table(LIFE)

    assert table.schema == INCIDENTS
    assert from_table(table) == LIFE


def test_json_has_money_as_text_and_times_with_their_zone() -> None:
    body = json.loads(json.dumps(as_json(OPENED_EVENT)))

    assert body["excess_usd"] == "11.3"
    assert body["opened_at"] == "2026-03-02T00:00:00Z"
    assert body["contributors"][0]["excess_usd"] == "11.0"


@settings(deadline=None)
@given(st.permutations(LIFE))
def test_an_incident_is_the_fold_of_its_events_in_any_order(events: list) -> None:  # type: ignore[type-arg]
    incident = latest(events)[SPEND]

    assert (incident.opened, incident.last, incident.updates) == (OPENED_EVENT, RESOLVED_EVENT, 1)
    assert not incident.is_open


def test_book_keeping_changes_no_incident() -> None:
    notes = [
        note(OPENED_EVENT, kind, channel="webhook", actor="w", now=START + timedelta(hours=1))
        for kind in (NOTIFIED, CLAIMED)
    ]

    assert latest([OPENED_EVENT, *notes])[SPEND].last == OPENED_EVENT


def test_the_latest_incident_of_a_scope_is_the_one_that_opened_last() -> None:
    later = opened(at=START + timedelta(hours=2))

    assert latest([later, *LIFE])[SPEND].opened == later


def test_an_update_without_its_opening_is_no_incident() -> None:
    stray = replace(UPDATED_EVENT, incident_id="other")

    assert latest([stray]) == {}
