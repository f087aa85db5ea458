"""The kinds of channels that a file may name: each is opened from its entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alerts.channels import Action, Alertmanager, Apprise, Channel, Email, PagerDuty, Slack, Webhook
from alerts.channels.email import Server
from alerts.routing.entry import Entry

TLS_PORTS = {"starttls": 587, "tls": 465, "none": 25}
MOST_PORT = 65535


def _webhook(entry: Entry) -> Channel:
    key = entry.secret("secret") if "secret" in entry.given else None
    return Webhook(entry.url("url"), key=key, **entry.common)


def _alertmanager(entry: Entry) -> Channel:
    return Alertmanager(entry.url("url"), refresh_s=float(entry.settings.resend_s), **entry.common)


def _pagerduty(entry: Entry) -> Channel:
    url = {"url": entry.url("url")} if "url" in entry.given else {}
    return PagerDuty(entry.text("routing_key"), **url, **entry.common)


def _slack(entry: Entry) -> Channel:
    return Slack(entry.url("url"), **entry.common)


def _email(entry: Entry) -> Channel:
    tls = entry.text("tls", "starttls")
    if tls not in TLS_PORTS:
        entry.fail("tls", f"must be one of {', '.join(TLS_PORTS)}")
    secret = ("user" in entry.given, "password" in entry.given)
    if any(secret) and not all(secret):
        entry.fail("user", "must stand with password, or neither")
    server = Server(
        host=entry.text("host"),
        port=entry.whole("port", MOST_PORT) or TLS_PORTS[tls],
        tls=tls,
        user=entry.text("user") if secret[0] else None,
        password=entry.text("password") if secret[1] else None,
    )
    return Email(server, sender=entry.text("from"), to=entry.texts("to"), **entry.common)


def _apprise(entry: Entry) -> Channel:
    try:
        return Apprise(entry.texts("urls"), **entry.common)
    except ValueError as error:
        return entry.fail("urls", str(error))


def _action(entry: Entry) -> Channel:
    dry_run = entry.flag("dry_run", default=True)
    return Action(entry.url("url"), entry.secret("secret"), dry_run=dry_run, **entry.common)


KINDS: Mapping[str, tuple[Callable[[Entry], Channel], tuple[str, ...]]] = {
    "alertmanager": (_alertmanager, ("url",)),
    "pagerduty": (_pagerduty, ("routing_key", "url")),
    "slack": (_slack, ("url",)),
    "webhook": (_webhook, ("url", "secret")),
    "email": (_email, ("host", "port", "tls", "user", "password", "from", "to")),
    "apprise": (_apprise, ("urls",)),
    "action": (_action, ("url", "secret", "dry_run")),
}
"""Kind -> what opens it, and the keys of its own."""
