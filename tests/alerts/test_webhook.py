"""The webhook against a small server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alerts.channels import Webhook
from alerts.channels.http import post_json
from alerts.errors import ChannelDown
from tests.alerts.samples import opened
from tests.alerts.servers import Receiver, receive
from tests.alerts.workload import START

EVENT = opened()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as running:
        yield running


def test_it_posts_the_event_with_exact_amounts_and_a_link(receiver: Receiver) -> None:
    Webhook(f"{receiver.url}/hook?x=1", dashboard_url="http://pages").send(EVENT, START)

    body = receiver.bodies[0]
    assert (body["event"], body["tenant"], body["excess_usd"], body["link"]) == (
        "opened", "acme", "11.3", "http://pages",
    )  # fmt: skip
    assert body["contributors"][0]["value"] == "opus"


def test_what_is_only_book_keeping_stays_at_home(receiver: Receiver) -> None:
    Webhook(receiver.url, dashboard_url="").send(replace(EVENT, note="secret"), START)

    assert not {"channel", "actor", "note"} & receiver.bodies[0].keys()


def test_the_same_event_carries_the_same_key(receiver: Receiver) -> None:
    channel = Webhook(receiver.url, dashboard_url="")

    channel.send(EVENT, START)
    channel.send(EVENT, START)

    assert [headers["Idempotency-Key"] for headers in receiver.headers] == [EVENT.event_id] * 2


@pytest.mark.parametrize("status", [302, 400, 429, 503])
def test_any_answer_but_success_is_a_refusal(receiver: Receiver, status: int) -> None:
    receiver.status = status

    with pytest.raises(ChannelDown, match=str(status)):
        Webhook(receiver.url, dashboard_url="").send(EVENT, START)


def test_a_server_that_is_away_is_a_refusal() -> None:
    with receive() as gone:
        url = gone.url

    with pytest.raises(ChannelDown, match=r"127\.0\.0\.1"):
        Webhook(url, dashboard_url="").send(EVENT, START)


def test_a_server_that_does_not_answer_in_time_is_a_refusal(receiver: Receiver) -> None:
    with receiver.came, pytest.raises(ChannelDown, match="timed out"):  # the handler waits for the lock
        post_json(receiver.url, {}, timeout_s=0.1)
