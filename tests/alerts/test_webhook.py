"""The webhook against a small server on loopback: a CloudEvent whose signature the reference library accepts."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks

from alerts.channels import Webhook
from alerts.channels.http import post_json
from alerts.channels.signed import read_secret
from alerts.errors import ChannelDown, EventRefused
from tests.alerts.samples import opened
from tests.alerts.servers import Receiver, receive
from tests.alerts.workload import START

EVENT = opened()
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as running:
        yield running


def signed(receiver: Receiver) -> Webhook:
    return Webhook(receiver.url, dashboard_url="", key=read_secret(SECRET))


def test_it_posts_a_cloud_event_with_exact_amounts_and_a_link(receiver: Receiver) -> None:
    Webhook(f"{receiver.url}/hook?x=1", dashboard_url="http://pages").send(EVENT, START)

    [event], [headers] = receiver.bodies, receiver.headers
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert {name: event[name] for name in ("specversion", "type", "id", "subject", "source")} == {
        "specversion": "1.0",
        "type": "spanledger.incident.opened",
        "id": EVENT.event_id,
        "subject": EVENT.incident_id,
        "source": "/spanledger",
    }
    body = event["data"]
    assert (body["event"], body["tenant"], body["excess_usd"], body["link"]) == (
        "opened", "acme", "11.3", f"http://pages/incidents?incident={EVENT.incident_id}",
    )  # fmt: skip
    assert body["contributors"][0]["value"] == "opus"


def test_what_is_only_book_keeping_stays_at_home(receiver: Receiver) -> None:
    Webhook(receiver.url, dashboard_url="").send(replace(EVENT, note="secret"), START)

    assert not {"channel", "actor", "note"} & receiver.bodies[0]["data"].keys()


def test_the_same_event_carries_the_same_id_and_unsigned_without_a_secret(receiver: Receiver) -> None:
    channel = Webhook(receiver.url, dashboard_url="")

    channel.send(EVENT, START)
    channel.send(EVENT, START)

    assert [headers["webhook-id"] for headers in receiver.headers] == [EVENT.event_id] * 2
    assert not [headers for headers in receiver.headers if "webhook-signature" in headers]


def test_the_reference_library_accepts_the_signature(receiver: Receiver) -> None:
    signed(receiver).send(EVENT, datetime.now(UTC))

    [raw], [headers] = receiver.raw, receiver.headers
    assert standardwebhooks.Webhook(SECRET).verify(raw, headers) == json.loads(raw)


def test_the_reference_library_refuses_another_body_another_key_and_an_old_one(receiver: Receiver) -> None:
    signed(receiver).send(EVENT, datetime.now(UTC))
    signed(receiver).send(EVENT, datetime.now(UTC) - timedelta(hours=1))

    [raw, old], [headers, old_headers] = receiver.raw, receiver.headers
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    for secret, body, given in (
        (SECRET, raw.replace(b"11.3", b"10.3"), headers),
        (other, raw, headers),
        (SECRET, old, old_headers),
    ):
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(secret).verify(body, given)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_short", SECRET.removeprefix("whsec_"), "whsec_" + "A" * 400])
def test_a_secret_that_is_none_is_refused_with_how_to_make_one(text: str) -> None:
    with pytest.raises(ValueError, match="openssl rand"):
        read_secret(text)


@pytest.mark.parametrize("status", [302, 400, 401, 404, 413, 422, 429, 503])
def test_any_answer_but_success_is_a_refusal_and_some_are_for_good(receiver: Receiver, status: int) -> None:
    receiver.status = status

    with pytest.raises(ChannelDown, match=str(status)) as refused:
        Webhook(receiver.url, dashboard_url="").send(EVENT, START)

    assert isinstance(refused.value, EventRefused) == (status in (400, 413, 422))


def test_a_server_that_is_away_is_a_refusal() -> None:
    with receive() as gone:
        url = gone.url

    with pytest.raises(ChannelDown, match=r"127\.0\.0\.1"):
        Webhook(url, dashboard_url="").send(EVENT, START)


def test_a_server_that_does_not_answer_in_time_is_a_refusal(receiver: Receiver) -> None:
    with receiver.came, pytest.raises(ChannelDown, match="timed out"):  # the handler waits for the lock
        post_json(receiver.url, {}, timeout_s=0.1)
