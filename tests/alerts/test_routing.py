"""Routes and the file of channels: who is told of what, when, how often; and what the file may not say."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.channels import Action, Alertmanager, Apprise, Email, MemoryChannel, PagerDuty, Slack, Webhook
from alerts.courier import Courier
from alerts.errors import BadChannels, EventRefused
from alerts.incidents import ACKNOWLEDGED, NOTIFIED, OPENED, RESOLVED, UPDATED, Event, incidents_of
from alerts.lookout import Lookout
from alerts.outbox import note
from alerts.people import say
from alerts.routing.file import open_channels, parse_channels
from alerts.routing.routes import Hours, Route, Subscription, overdue, routed
from alerts.settings import AlertSettings
from tests.alerts.samples import MINUTE, follow, opened
from tests.alerts.test_lookout import LIVE, LIVE_MINUTE, hours, ledger_of, spike
from tests.alerts.workload import START

SETTINGS = AlertSettings(dashboard_url="http://pages")
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
EVENT = opened()
WORSE = replace(follow(EVENT, UPDATED), severity="critical")
OVER = follow(WORSE, RESOLVED)


@pytest.mark.parametrize(
    ("route", "takes"),
    [
        (Route(), True),
        (Route(tenants=frozenset({"acme"})), True),
        (Route(tenants=frozenset({"globex"})), False),
        (Route(signals=frozenset({"unit_price"})), False),
        (Route(tenants=frozenset({"acme"}), severities=frozenset({"critical"})), False),
    ],
)
def test_a_route_takes_what_it_names(route: Route, takes: bool) -> None:
    assert bool(routed([EVENT], route)) == takes


def test_what_became_critical_is_told_from_then_on_and_its_end_too() -> None:
    assert routed([OVER, EVENT, WORSE], Route(severities=frozenset({"critical"}))) == [WORSE, OVER]


def test_who_heard_of_the_opening_hears_of_the_end_at_any_hour() -> None:
    office = Hours(begin=time(8), end=time(18), weekdays=frozenset(range(7)))
    at_night = replace(follow(EVENT, RESOLVED), recorded_at=START.replace(hour=23))
    by_day = replace(EVENT, recorded_at=START.replace(hour=12))
    other = opened(feature="other", at=START.replace(hour=22))

    assert routed([by_day, at_night, other], Route(hours=office)) == [by_day, at_night]


def test_who_asks_for_what_nobody_has_hears_of_it_as_it_was_last_told_and_of_what_follows() -> None:
    after, due = 15 * MINUTE, EVENT.recorded_at + 15 * MINUTE
    events = [EVENT, WORSE, replace(OVER, recorded_at=due + MINUTE)]

    def told(now: datetime, *more: Event) -> list[Event]:
        known = incidents_of([*events, *more]).values()
        return routed(overdue(known, [*events, *more], after, now), Route(after=after))

    taken = say(incidents_of(events)[EVENT.incident_id], ACKNOWLEDGED, who="ada", now=due - MINUTE)
    too_late = replace(taken, recorded_at=due + MINUTE)

    assert told(due - MINUTE) == []
    assert told(due) == told(due, too_late) == [WORSE, events[-1]]
    assert told(due, taken) == []


def test_what_was_over_by_then_is_no_news() -> None:
    events = [EVENT, OVER]

    assert overdue(incidents_of(events).values(), events, 15 * MINUTE, OVER.recorded_at + 60 * MINUTE) == []


def test_a_channel_that_waits_is_told_once_and_in_time() -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 9)), MemoryChannel()
    route = Route(after=5 * MINUTE)
    one = Lookout(AlertSettings(min_excess_usd=0.5), ledger, (Subscription(channel=channel, route=route),))

    heard = []
    for minute in range(20):
        one.step(LIVE + minute * MINUTE, wait_s=5)
        one.step(LIVE + minute * MINUTE + timedelta(seconds=1), wait_s=5)
        heard.append(len(channel.events))

    assert [event.event for event in channel.events] == [OPENED, RESOLVED]
    assert heard.index(1) in (5, 6)


def test_book_keeping_is_told_to_nobody() -> None:
    assert routed([note(EVENT, NOTIFIED, channel="x", actor="a", now=START)], Route()) == []


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-03-02T07:30:00+00:00", True),  # Monday 08:30 in Berlin
        ("2026-03-02T06:59:59+00:00", False),
        ("2026-03-02T17:00:00+00:00", False),  # 18:00 there
        ("2026-03-07T10:00:00+00:00", False),  # Saturday
        ("2026-07-06T06:30:00+00:00", True),  # summer: 08:30 there
    ],
)
def test_hours_are_those_of_the_time_zone(moment: str, holds: bool) -> None:
    office = Hours(begin=time(8), end=time(18), weekdays=frozenset(range(5)), zone=ZoneInfo("Europe/Berlin"))

    assert office.hold(datetime.fromisoformat(moment)) == holds


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-03-06T23:00:00+00:00", True),  # Friday night
        ("2026-03-07T05:59:00+00:00", True),  # still Friday's
        ("2026-03-07T06:00:00+00:00", False),
        ("2026-03-07T23:00:00+00:00", False),  # Saturday's own night
    ],
)
def test_hours_may_reach_into_the_next_day(moment: str, holds: bool) -> None:
    night = Hours(begin=time(22), end=time(6), weekdays=frozenset({4}))

    assert night.hold(datetime.fromisoformat(moment)) == holds


def test_a_channel_is_sent_so_many_events_a_minute_and_the_others_wait() -> None:
    courier = Courier(MemoryChannel(), per_minute=3)
    courier.leave([EVENT, WORSE], (), START)
    courier.collect(START, wait_s=5)

    assert courier.allowance(START + timedelta(seconds=30)) == 1
    assert courier.allowance(START + timedelta(seconds=60)) == 3


class Choosy(MemoryChannel):
    """Calls updates wrong."""

    def send(self, event: Event, now: datetime) -> None:
        """See ``Channel``."""
        if event.event == UPDATED:
            raise EventRefused("wrong")
        super().send(event, now)


def test_an_event_that_a_channel_calls_wrong_does_not_hold_up_the_others() -> None:
    channel = Choosy()
    courier = Courier(channel)
    courier.leave([EVENT, WORSE, OVER], (), START)
    trip = courier.collect(START, wait_s=5)

    assert trip is not None
    assert (trip.taken, trip.refused, trip.refusal) == ((EVENT, OVER), ((WORSE, "wrong"),), None)
    assert channel.events == [EVENT, OVER]
    assert courier.is_free(START)


ENTRIES: dict[str, tuple[type, dict[str, Any]]] = {
    "alertmanager": (Alertmanager, {"url": "http://127.0.0.1:9093"}),
    "pagerduty": (PagerDuty, {"routing_key": {"env": "PAGER"}}),
    "slack": (Slack, {"url": "https://hooks.slack.com/services/T/B/x"}),
    "webhook": (Webhook, {"url": "https://example.com/hook", "secret": SECRET}),
    "email": (Email, {"host": "mail.example.com", "from": "a@example.com", "to": ["b@example.com"]}),
    "apprise": (Apprise, {"urls": ["json://localhost", {"env": "PAGER_URL"}]}),
    "action": (Action, {"url": "https://gateway.example.com", "secret": SECRET}),
}


@pytest.mark.parametrize("kind", ENTRIES)
def test_a_file_names_every_kind_of_channel(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "key")
    monkeypatch.setenv("PAGER_URL", "json://127.0.0.1")
    made, given = ENTRIES[kind]

    one, *_ = parse_channels({"channel": [{"kind": kind, "tenants": ["acme"], "per_minute": 10, **given}]}, SETTINGS)

    assert isinstance(one.channel, made)
    assert (one.channel.name, one.per_minute, one.route) == (kind, 10, Route(tenants=frozenset({"acme"})))


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "email", "host": "x", "from": "a@x", "to": ["b@x", "Cy <c@x>, d@x"], "severities": ["critical"]},
        {"kind": "apprise", "urls": ["json://a", "json://b", "json://c"], "severities": ["critical"]},
    ],
)
def test_each_recipient_of_an_entry_is_a_channel_of_the_same_route(entry: dict[str, Any]) -> None:
    found = parse_channels({"channel": [{**entry, "name": "all"}]}, SETTINGS)

    assert [one.channel.name for one in found] == ["all", "all-2", "all-3"]
    assert {one.route for one in found} == {Route(severities=frozenset({"critical"}))}


def test_hours_days_and_zone_stand_in_the_file() -> None:
    given = {"kind": "slack", "name": "office", "url": "https://x", "hours": "08:00-18:30", "days": "sat-mon"}

    more = {"timezone": "Asia/Tokyo", "severities": ["critical"], "unacknowledged_minutes": 15}
    [one] = parse_channels({"channel": [{**given, **more}]}, SETTINGS)

    assert one.channel.name == "office"
    assert one.route == Route(
        severities=frozenset({"critical"}),
        hours=Hours(begin=time(8), end=time(18, 30), weekdays=frozenset({5, 6, 0}), zone=ZoneInfo("Asia/Tokyo")),
        after=15 * MINUTE,
    )


MAIL = {"kind": "email", "host": "x", "from": "a@x", "to": ["b@x"]}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "fax"}, "kind = 'fax': must be one of alertmanager, pagerduty"),
        ({"kind": ["slack"]}, "must be one of"),
        ({"kind": "slack"}, "url: must be text"),
        ({"kind": "slack", "url": "ftp://x"}, "url: must be an http:// or https:// URL"),
        ({"kind": "slack", "url": {"env": "NOT_SET_HERE"}}, "url: the variable NOT_SET_HERE is not set"),
        ({"kind": "slack", "url": "https://x", "tennants": ["a"]}, "tennants: is no key of slack"),
        ({"kind": "slack", "url": "https://x", "tenants": "acme"}, "tenants: must be a list of texts"),
        ({"kind": "slack", "url": "https://x", "severities": ["page"]}, "'page' must be one of warning, critical"),
        ({"kind": "slack", "url": "https://x", "hours": "8 to 6"}, "hours: must be like 08:00-18:30"),
        ({"kind": "slack", "url": "https://x", "days": "workdays"}, "days: must be like mon-fri"),
        ({"kind": "slack", "url": "https://x", "timezone": "Mars"}, "timezone: must be a name like Europe/Berlin"),
        ({"kind": "slack", "url": "https://x", "unacknowledged_minutes": 0}, "must be a whole number from 1 to 720"),
        ({"kind": "slack", "url": "https://x", "per_minute": 0}, "per_minute: must be a whole number from 1"),
        ({"kind": "slack", "url": "https://x", "per_minute": True}, "per_minute: must be a whole number from 1"),
        ({"kind": "webhook", "url": "https://x", "secret": "hunter2"}, "secret: must be whsec_"),
        ({"kind": "action", "url": "https://x"}, "secret: must be text"),
        ({"kind": "action", "url": "https://x", "secret": SECRET, "dry_run": "no"}, "dry_run: must be true or false"),
        ({"kind": "email", "host": "x", "from": "a@x", "to": []}, "to: must be a list of texts"),
        ({"kind": "email", "host": "x", "from": "a", "to": ["b"], "tls": "ssl"}, "tls: must be one of starttls"),
        ({"kind": "email", "host": "x", "from": "a", "to": ["b"], "user": "c"}, "user: must stand with password"),
        ({**MAIL, "host": "mail..example.com"}, "host: must be the name or address of a host"),
        ({**MAIL, "host": "m" * 70 + ".example.com"}, "host: must be the name or address of a host"),
        ({**MAIL, "host": "mail example"}, "host: must be the name or address of a host"),
        ({**MAIL, "user": "u", "password": "pässword"}, "password: must be ASCII"),
        ({**MAIL, "user": "ü", "password": "hunter2"}, "user: must be ASCII"),
        ({**MAIL, "from": "a@x\nBcc: c@x"}, "from: must be an address of mail"),
        ({**MAIL, "from": "a@x, c@x"}, "from: must be one address"),
        ({**MAIL, "to": ["b@x", "nobody"]}, "to: must be an address of mail"),
        ({**MAIL, "to": ["b@x..y"]}, "to: must be an address of mail"),
        ({"kind": "apprise", "urls": ["nothing://secret"]}, "urls: entry 1 is no URL that apprise knows"),
    ],
)
def test_an_entry_is_refused_by_its_key_and_no_secret_is_printed(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(BadChannels) as refused:
        parse_channels({"channel": [entry]}, SETTINGS)

    assert str(refused.value).startswith("channel 1: ")
    assert said in str(refused.value)
    assert "pässword" not in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "//secret" not in str(refused.value)


def test_two_channels_have_two_names(tmp_path: Path) -> None:
    two = {"channel": [{"kind": "slack", "url": "https://x"}, {"kind": "slack", "url": "https://y"}]}
    with pytest.raises(BadChannels, match="'slack': is of 2 channels"):
        parse_channels(two, SETTINGS)

    path = tmp_path / "channels.toml"
    path.write_text('[[channel]]\nkind = "webhook"\nurl = "https://x"\n')
    settings = AlertSettings(webhook_url="https://y", channels=str(path))
    with pytest.raises(BadChannels, match="the settings have a channel of this name"):
        open_channels(settings)


def test_a_file_that_is_not_there_or_is_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadChannels, match="cannot be read"):
        open_channels(AlertSettings(channels=str(tmp_path / "none.toml")))
    with pytest.raises(BadChannels, match=r"has only \[\[channel\]\] tables"):
        parse_channels({"channels": []}, SETTINGS)
