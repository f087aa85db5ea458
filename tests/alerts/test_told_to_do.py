"""Every channel that tells people says what to do, and where the page is that says more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alerts.advice import ADVICE
from alerts.channels.email import Server
from alerts.routing.file import open_channels, parse_channels
from alerts.settings import AlertSettings
from tests.alerts.samples import opened
from tests.alerts.servers import receive
from tests.alerts.test_mail_and_others import Inbox, post
from tests.alerts.workload import START

__all__ = ["post"]
ACTION = ADVICE["spend"][0]
PAGES = AlertSettings(runbooks_url="https://git.example.com/docs/runbooks/")
PAGE = "https://git.example.com/docs/runbooks/spend.md"


def send(entry: dict[str, Any], settings: AlertSettings) -> None:
    [one] = parse_channels({"channel": [entry]}, settings)
    one.channel.send(opened(), START)


@pytest.mark.parametrize(("settings", "page"), [(PAGES, PAGE), (AlertSettings(), "docs/runbooks/spend.md")])
@pytest.mark.parametrize("kind", ["slack", "webhook", "apprise", "pagerduty", "alertmanager"])
def test_each_says_what_to_do_and_which_page_says_more(kind: str, settings: AlertSettings, page: str) -> None:
    with receive() as receiver:
        of_apprise = {"urls": [receiver.url.replace("http://", "json://")]}
        given = of_apprise if kind == "apprise" else {"url": receiver.url}
        send({"kind": kind, **given, **({"routing_key": "k"} if kind == "pagerduty" else {})}, settings)

    told = json.dumps(receiver.bodies)
    assert ACTION in told
    assert page in told


def test_a_mail_says_it_too(post: tuple[Inbox, Server]) -> None:
    inbox, server = post
    mail = {"kind": "email", "host": server.host, "port": server.port, "tls": "none", "from": "a@x", "to": ["b@x"]}

    send(mail, PAGES)

    body = inbox.mails[0].get_payload(decode=True)
    assert isinstance(body, bytes)
    lines = body.decode().splitlines()
    assert f"action: {ACTION}" in lines
    assert f"runbook: {PAGE}" in lines


def test_in_slack_it_is_a_link_where_pages_are_served() -> None:
    with receive() as receiver:
        send({"kind": "slack", "url": receiver.url}, PAGES)

    texts = [
        block["text"]["text"]
        for block in receiver.bodies[0]["blocks"]
        if block["type"] == "section" and "text" in block
    ]
    assert f"*What to do* {ACTION}\n*Runbook* <{PAGE}|spend>" in texts


def test_channels_of_the_settings_know_the_pages_as_well() -> None:
    with receive() as receiver:
        [one] = open_channels(AlertSettings(webhook_url=receiver.url, runbooks_url=PAGES.runbooks_url))
        one.channel.send(opened(), START)

    assert receiver.bodies[0]["data"]["runbook"] == PAGE
