"""The kinds of channels that a file may name: each is opened from its entry.

An entry of several recipients (e-mail, apprise) is a channel of each: the first has the entry's name, the others
``-2``, ``-3`` and so on. So what one of them does not take is tried again for that one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from email.headerregistry import Address

from alerts.addresses import fault_of_host, read_mail
from alerts.channels import Action, Alertmanager, Apprise, Channel, Email, PagerDuty, Slack, Webhook
from alerts.channels.email import Server
from alerts.routing.entry import Entry

TLS_PORTS = {"starttls": 587, "tls": 465, "none": 25}
MOST_PORT = 65535


def _webhook(entry: Entry) -> Iterator[Channel]:
    key = entry.secret("secret") if "secret" in entry.given else None
    yield Webhook(entry.url("url"), key=key, **entry.telling)


def _alertmanager(entry: Entry) -> Iterator[Channel]:
    yield Alertmanager(entry.url("url"), refresh_s=float(entry.settings.resend_s), **entry.telling)


def _pagerduty(entry: Entry) -> Iterator[Channel]:
    url = {"url": entry.url("url")} if "url" in entry.given else {}
    yield PagerDuty(entry.text("routing_key"), **url, **entry.telling)


def _slack(entry: Entry) -> Iterator[Channel]:
    yield Slack(entry.url("url"), **entry.telling)


def _email(entry: Entry) -> Iterator[Channel]:
    server, sender = _mail_server(entry), entry.text("from")
    if len(_addresses(entry, "from", sender)) > 1:
        entry.fail("from", "must be one address")
    to = [address for text in entry.texts("to") for address in _addresses(entry, "to", text)]
    among = [str(address) for address in to]
    for place, address in enumerate(to, 1):
        yield Email(server, sender=sender, to=address.addr_spec, among=among, **entry.telling_of(place))


def _addresses(entry: Entry, key: str, text: str) -> Sequence[Address]:
    try:
        return read_mail(text)
    except ValueError as error:
        return entry.fail(key, str(error))


def _mail_server(entry: Entry) -> Server:
    tls = entry.text("tls", "starttls")
    if tls not in TLS_PORTS:
        entry.fail("tls", f"must be one of {', '.join(TLS_PORTS)}")
    secret = ("user" in entry.given, "password" in entry.given)
    if any(secret) and not all(secret):
        entry.fail("user", "must stand with password, or neither")
    host = entry.text("host")
    if fault := fault_of_host(host):
        entry.fail("host", fault)
    return Server(
        host=host,
        port=entry.whole("port", MOST_PORT) or TLS_PORTS[tls],
        tls=tls,
        user=_login(entry, "user") if secret[0] else None,
        password=_login(entry, "password") if secret[1] else None,
    )


def _login(entry: Entry, key: str) -> str:
    text = entry.text(key)
    return text if text.isascii() else entry.fail(key, "must be ASCII: mail servers are told nothing else at a login")


def _apprise(entry: Entry) -> Iterator[Channel]:
    for place, url in enumerate(entry.texts("urls"), 1):
        try:
            yield Apprise(url, **entry.telling_of(place))
        except ValueError as error:
            entry.fail("urls", f"entry {place} {error}")


def _action(entry: Entry) -> Iterator[Channel]:
    dry_run = entry.flag("dry_run", default=True)
    yield Action(entry.url("url"), entry.secret("secret"), dry_run=dry_run, **entry.common)


KINDS: Mapping[str, tuple[Callable[[Entry], Iterator[Channel]], tuple[str, ...]]] = {
    "alertmanager": (_alertmanager, ("url",)),
    "pagerduty": (_pagerduty, ("routing_key", "url")),
    "slack": (_slack, ("url",)),
    "webhook": (_webhook, ("url", "secret")),
    "email": (_email, ("host", "port", "tls", "user", "password", "from", "to")),
    "apprise": (_apprise, ("urls",)),
    "action": (_action, ("url", "secret", "dry_run")),
}
"""Kind -> what opens it, and the keys of its own."""
