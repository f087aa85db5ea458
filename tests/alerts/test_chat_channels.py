"""PagerDuty and Slack against recorded conversations: what is sent is what their documents show, answers are theirs.

The answers are those of developer.pagerduty.com ("Send an Alert Event") and docs.slack.dev ("Sending messages using
incoming webhooks"); the services themselves cannot be asked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alerts.channels import PagerDuty, Slack
from alerts.channels.pagerduty import MOST_SUMMARY, URL
from alerts.errors import ChannelDown, EventRefused
from alerts.incidents import ACKNOWLEDGED, ESCALATED, RESOLVED, UPDATED, incidents_of
from alerts.people import say
from tests.alerts.samples import explained, follow, opened
from tests.alerts.servers import Receiver, receive
from tests.alerts.workload import START

EVENT = opened()
KEY = "R0UTINGKEY0123456789012345678901"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as running:
        yield running


def pagerduty(receiver: Receiver) -> PagerDuty:
    return PagerDuty(KEY, dashboard_url="http://pages", url=f"{receiver.url}/v2/enqueue")


def slack(receiver: Receiver) -> Slack:
    return Slack(f"{receiver.url}/services/T0/B0/x", dashboard_url="http://pages")


def test_pagerduty_gets_one_alert_from_its_opening_to_its_end(receiver: Receiver) -> None:
    receiver.status, receiver.answer = 202, b'{"status":"success","message":"Event processed","dedup_key":"k"}'
    worse = follow(EVENT, UPDATED)

    for event in (EVENT, worse, follow(worse, RESOLVED)):
        pagerduty(receiver).send(event, START)

    assert [body["event_action"] for body in receiver.bodies] == ["trigger", "trigger", "resolve"]
    assert {body["dedup_key"] for body in receiver.bodies} == {EVENT.incident_id}
    assert {body["routing_key"] for body in receiver.bodies} == {KEY}
    payload = receiver.bodies[0]["payload"]
    assert payload["summary"] == "acme / chat: $12.40 in 15 min"
    assert (payload["severity"], payload["source"], payload["component"], payload["class"]) == (
        "warning", "acme", "chat", "spend",
    )  # fmt: skip
    assert payload["custom_details"]["excess"] == "$11.30"
    assert set(receiver.bodies[2]) == {"routing_key", "dedup_key", "event_action"}
    assert URL == "https://events.pagerduty.com/v2/enqueue"


def test_pagerduty_is_told_who_has_it_and_that_it_is_critical_now(receiver: Receiver) -> None:
    receiver.status = 202
    worse = replace(follow(EVENT, ESCALATED), severity="critical")
    taken = say(incidents_of([EVENT])[EVENT.incident_id], ACKNOWLEDGED, who="ada", now=START)

    for event in (EVENT, taken, worse):
        pagerduty(receiver).send(event, START)

    assert [body["event_action"] for body in receiver.bodies] == ["trigger", "acknowledge", "trigger"]
    assert receiver.bodies[1] == {
        "routing_key": KEY, "dedup_key": EVENT.incident_id, "event_action": "acknowledge",
    }  # fmt: skip
    assert receiver.bodies[2]["payload"]["severity"] == "critical"


def test_pagerdutys_summary_ends_where_its_limit_is(receiver: Receiver) -> None:
    pagerduty(receiver).send(replace(EVENT, summary="x" * 3000), START)

    assert len(receiver.bodies[0]["payload"]["summary"]) == MOST_SUMMARY


def test_what_pagerduty_calls_invalid_is_given_up_and_too_many_are_tried_again(receiver: Receiver) -> None:
    receiver.status = 400
    receiver.answer = b'{"status":"invalid event","message":"Event object is invalid","errors":["Length of x"]}'
    with pytest.raises(EventRefused, match="invalid event"):
        pagerduty(receiver).send(EVENT, START)

    receiver.status, receiver.answer = 429, b""
    with pytest.raises(ChannelDown, match="429") as busy:
        pagerduty(receiver).send(EVENT, START)
    assert not isinstance(busy.value, EventRefused)


def test_slack_gets_blocks_and_a_text_for_notifications(receiver: Receiver) -> None:
    receiver.answer = b"ok"
    slack(receiver).send(EVENT, START)

    [message] = receiver.bodies
    assert message["text"] == "acme / chat: $12.40 in 15 min"
    assert [block["type"] for block in message["blocks"]] == ["header", "section", "section", "section", "context"]
    assert message["blocks"][0]["text"]["text"] == "Incident: spend of acme / chat"
    assert message["blocks"][1]["text"]["text"] == "acme / chat: $12.40 in 15 min"
    fields = [field["text"] for field in message["blocks"][2]["fields"]]
    assert "*Excess*\n$11.30" in fields
    assert len(fields) <= 10
    assert (
        f"<http://pages/incidents?incident={EVENT.incident_id}|SpanLedger>"
        in message["blocks"][4]["elements"][0]["text"]
    )


def test_slack_says_what_is_new_and_where_to_look(receiver: Receiver) -> None:
    slack(receiver).send(explained(EVENT), START)

    blocks = receiver.bodies[0]["blocks"]

    assert [block["type"] for block in blocks] == ["header", "section", "section", "section", "section", "context"]
    assert blocks[3]["text"]["text"] == (
        "*New* principal key-7, first seen 2026-03-01 23:58 UTC\n*Traces* 4bf92f3577b34da6a3ce929d0e0e4736"
    )


def test_slack_tells_no_cause_where_nobody_looked_for_one(receiver: Receiver) -> None:
    small = replace(EVENT.contributors[0], excess_usd=EVENT.excess_usd / 10)
    for contributors in ((), (small,)):
        slack(receiver).send(replace(EVENT, contributors=contributors), START)

    unseen, seen = ([field["text"] for field in body["blocks"][2]["fields"]] for body in receiver.bodies)
    assert not any("Cause" in text for text in unseen)
    assert "*Cause*\nno single one" in seen


def test_names_do_not_become_mentions_or_links_in_slack(receiver: Receiver) -> None:
    slack(receiver).send(replace(EVENT, summary="<!channel> & <http://bad|click>"), START)

    assert receiver.bodies[0]["text"] == "&lt;!channel&gt; &amp; &lt;http://bad|click&gt;"


def test_what_slack_cannot_read_is_given_up_and_a_channel_that_is_gone_waits(receiver: Receiver) -> None:
    receiver.status, receiver.answer = 400, b"invalid_blocks"
    with pytest.raises(EventRefused, match="invalid_blocks"):
        slack(receiver).send(EVENT, START)

    receiver.status, receiver.answer = 404, b"no_service"
    with pytest.raises(ChannelDown) as gone:
        slack(receiver).send(EVENT, START)
    assert not isinstance(gone.value, EventRefused)
