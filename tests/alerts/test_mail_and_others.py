"""E-mail through a real SMTP server on loopback, the long tail through apprise, and the action hook."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
import standardwebhooks
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.channels import Action, Apprise, Email
from alerts.channels.action import as_asked, what_to_do
from alerts.channels.email import Server
from alerts.channels.signed import read_secret
from alerts.courier import Courier
from alerts.errors import ChannelDown, EventRefused
from alerts.events import Signature, end_of
from alerts.incidents import RESOLVED, UPDATED, Event, Incident
from alerts.routing.file import parse_channels
from alerts.settings import AlertSettings
from tests.alerts.samples import CAUSE, follow, opened
from tests.alerts.servers import Receiver, receive
from tests.alerts.workload import START

EVENT = opened()
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Inbox:
    """Takes mail, unless ``answer`` says otherwise."""

    def __init__(self) -> None:
        self.answer = "250 OK"
        self.mails: list[Message] = []
        self.recipients: list[list[str]] = []
        self.refuses: dict[str, str] = {}

    async def handle_RCPT(  # noqa: N802 - of aiosmtpd
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address not in self.refuses:
            envelope.rcpt_tos.append(address)
        return self.refuses.get(address, "250 OK")

    async def handle_DATA(  # noqa: N802 - of aiosmtpd
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content))
            self.recipients.append(envelope.rcpt_tos)
        return self.answer


class Loopback(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def post() -> Iterator[tuple[Inbox, Server]]:
    inbox = Inbox()
    controller = Loopback(inbox, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        yield inbox, Server(host="127.0.0.1", port=controller.port, tls="none")
    finally:
        controller.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receive() as running:
        yield running


A, B = "a@example.com", "b@example.com"


def email(server: Server, to: str = A) -> Email:
    return Email(server, sender="ledger@example.com", to=to, among=[A, B], dashboard_url="http://x")


def test_an_incident_is_one_thread_of_mails_and_an_event_has_one_id(post: tuple[Inbox, Server]) -> None:
    inbox, server = post
    for event in (EVENT, EVENT, follow(EVENT, RESOLVED)):
        email(server).send(event, START)

    first, again, last = inbox.mails
    assert (inbox.recipients[0], first["To"]) == ([A], f"{A}, {B}")
    assert first["Subject"] == "[SpanLedger] warning: spend of acme / chat"
    assert first["Message-ID"] == again["Message-ID"] != last["Message-ID"]
    assert first["References"] == last["In-Reply-To"]
    body = first.get_payload()
    assert "acme / chat: $12.40 in 15 min" in body
    assert "model opus: +$11.00" in body
    assert "http://x" in body


def test_a_mail_that_is_refused_for_good_is_given_up_and_others_wait(post: tuple[Inbox, Server]) -> None:
    inbox, server = post
    inbox.answer = "552 too much"
    with pytest.raises(EventRefused, match="552"):
        email(server).send(EVENT, START)

    inbox.answer = "451 not now"
    with pytest.raises(ChannelDown, match="451") as busy:
        email(server).send(EVENT, START)
    assert not isinstance(busy.value, EventRefused)


@pytest.mark.parametrize(("answer", "is_final"), [("450 greylisted", False), ("550 no such user", True)])
def test_an_address_that_is_refused_is_tried_again_or_given_up_and_the_other_is_told_once(
    post: tuple[Inbox, Server], answer: str, is_final: bool
) -> None:
    inbox, server = post
    inbox.refuses = {B: answer}
    entry = {"kind": "email", "host": server.host, "port": server.port, "tls": "none", "from": A, "to": [A, B]}
    of_a, of_b = (one.channel for one in parse_channels({"channel": [entry]}, AlertSettings()))

    of_a.send(EVENT, START)
    with pytest.raises(ChannelDown, match=B) as refused:
        of_b.send(EVENT, START)

    assert inbox.recipients == [[A]]
    assert isinstance(refused.value, EventRefused) == is_final


def test_a_name_with_a_line_break_is_a_subject_of_one_line(post: tuple[Inbox, Server]) -> None:
    inbox, server = post

    email(server).send(opened(tenant="ac\nme"), START)

    assert inbox.mails[0]["Subject"] == "[SpanLedger] warning: spend of ac me / chat"


def test_what_mail_cannot_hold_is_a_refusal_that_says_what_to_change(post: tuple[Inbox, Server]) -> None:
    _, server = post
    no_host = replace(server, host="mail..example.com")

    with pytest.raises(ChannelDown, match="change host, user, password, from or to"):
        email(no_host).send(EVENT, START)


def test_a_server_without_tls_is_not_talked_to_where_tls_was_asked_for(post: tuple[Inbox, Server]) -> None:
    inbox, server = post

    with pytest.raises(ChannelDown):
        email(replace(server, tls="starttls")).send(EVENT, START)
    assert inbox.mails == []


def test_apprise_hands_it_to_its_services(receiver: Receiver) -> None:
    Apprise(receiver.url.replace("http://", "json://"), dashboard_url="http://x").send(EVENT, START)

    [body] = receiver.bodies
    assert body["title"] == "spend of acme / chat"
    assert "acme / chat: $12.40 in 15 min" in body["message"]
    assert body["type"] == "warning"


def test_a_service_of_apprise_that_is_down_is_a_refusal_and_a_url_that_is_none_too(receiver: Receiver) -> None:
    receiver.status = 503
    with pytest.raises(ChannelDown):
        Apprise(receiver.url.replace("http://", "json://"), dashboard_url="").send(EVENT, START)
    with pytest.raises(ValueError, match="is no URL"):
        Apprise("nothing://here", dashboard_url="")


def test_a_service_of_apprise_that_took_it_is_not_told_again_while_another_is_down(receiver: Receiver) -> None:
    with receive() as down:
        down.status = 503
        urls = [one.url.replace("http://", "json://") for one in (receiver, down)]
        entries = {"channel": [{"kind": "apprise", "urls": urls}]}
        couriers = [Courier(one.channel) for one in parse_channels(entries, AlertSettings())]
        trips = []
        for courier in couriers:
            courier.leave([EVENT], (), START)
            trips.append(courier.collect(START, wait_s=30))

    assert [trip and trip.taken for trip in trips] == [(EVENT,), ()]
    assert len(receiver.bodies) == 1


CRITICAL = replace(EVENT, severity="critical")


def action(receiver: Receiver, *, dry_run: bool = True) -> Action:
    return Action(receiver.url, read_secret(SECRET), dashboard_url="http://x", dry_run=dry_run)


def test_an_action_is_asked_for_when_it_is_critical_and_withdrawn_when_it_is_over(receiver: Receiver) -> None:
    worse = replace(follow(EVENT, UPDATED), severity="critical")
    for event in (EVENT, worse, follow(worse, RESOLVED)):
        action(receiver).send(event, START)

    assert [body["type"] for body in receiver.bodies] == ["spanledger.action.requested", "spanledger.action.withdrawn"]
    assert all(body["data"]["dry_run"] for body in receiver.bodies)
    assert all("webhook-signature" in headers for headers in receiver.headers)


def test_what_is_withdrawn_is_what_was_asked_for_also_where_nothing_more_is_known() -> None:
    other = replace(CAUSE, dimension="principal", value="key-7")
    asked = [CRITICAL, replace(follow(CRITICAL, UPDATED), contributors=(other,), excess_usd=Decimal("11.3"))]
    signature = Signature(actor="me", recorded_at=START, critical_usd=1)
    retracted = end_of(Incident(opened=asked[0], last=asked[1], updates=1), "nothing is odd", signature)

    withdrawn = what_to_do(as_asked(retracted, [*asked, retracted]))
    requested = what_to_do(asked[1])

    assert requested is not None
    assert withdrawn is not None
    said = {name: requested[name] for name in ("action", "principal", "model", "incident_id")}
    assert said["principal"] == "key-7"
    assert said.items() <= withdrawn.items()
    assert as_asked(asked[1], asked) is asked[1]


def test_an_action_is_signed_as_the_reference_library_expects_and_acts_only_where_told(receiver: Receiver) -> None:
    action(receiver, dry_run=False).send(CRITICAL, datetime.now(UTC))

    [raw], [headers] = receiver.raw, receiver.headers
    assert standardwebhooks.Webhook(SECRET).verify(raw, headers)["data"]["dry_run"] is False


@pytest.mark.parametrize(
    ("dimension", "excess", "said"),
    [
        ("principal", "11.0", {"action": "throttle_principal", "principal": "opus", "model": None}),
        ("model", "11.0", {"action": "route_to_fallback", "principal": None, "model": "opus"}),
        ("model", "3.0", {"action": "cap_budget", "principal": None, "model": None}),
        ("feature", "11.0", {"action": "cap_budget", "principal": None, "model": None}),
    ],
)
def test_who_causes_it_decides_what_is_asked_for(dimension: str, excess: str, said: dict[str, str | None]) -> None:
    cause = replace(CAUSE, dimension=dimension, excess_usd=Decimal(excess))

    asked = what_to_do(replace(CRITICAL, contributors=(cause,)))

    assert asked is not None
    assert {name: asked[name] for name in said} == said
    assert (asked["tenant"], asked["feature"]) == ("acme", "chat")


def of_scope(signal: str, *, budget: str | None = None, key: str | None = "key-7", **scope: str) -> Event:
    none: dict[str, Any] = dict.fromkeys(("tenant", "feature", "model", "principal", "provider"))
    causes = (replace(CAUSE, dimension="principal", value=key),) if key else ()
    named = replace(CRITICAL, signal=signal, contributors=causes, budget=budget, scoped_by=tuple(scope))
    return replace(named, **(none | scope))


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (of_scope("errors_provider", provider="openai"), {"action": "route_to_fallback", "provider": "openai"}),
        (of_scope("errors_provider", provider="azure", model="gpt"), {"provider": "azure", "model": "gpt"}),
        (of_scope("unit_price", model="gpt"), {"action": "route_to_fallback", "model": "gpt", "principal": None}),
        (of_scope("budget_exceeded", budget="company", key=None), {"action": "cap_budget", "budget": "company"}),
        (of_scope("budget_exceeded", budget="chat"), {"action": "throttle_principal", "budget": "chat"}),
    ],
)
def test_a_request_names_the_provider_or_budget_and_mends_what_is_odd(event: Event, said: dict[str, str]) -> None:
    asked = what_to_do(event)

    assert asked is not None
    assert said.items() <= asked.items()


@pytest.mark.parametrize("event", [of_scope("unit_price"), of_scope("spend"), of_scope("spend", key=None)])
def test_where_nobody_is_named_nothing_is_asked_for(receiver: Receiver, event: Event) -> None:
    action(receiver).send(event, START)

    assert receiver.bodies == []
