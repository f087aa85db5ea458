"""Whom the proxy in front of the pages has signed in; who is nobody sees nothing.

The proxy (oauth2-proxy, an ingress, a mesh) tells the user in a header, and proves that it is the proxy by a secret in
another one: whoever reaches the pages beside it knows no secret, and is turned away.
"""

from __future__ import annotations

import hmac
from html import escape
from pathlib import Path
from typing import Protocol

import streamlit as st

from dashboards.errors import BadPeople
from dashboards.people import Person, find_person, read_people
from dashboards.settings import DashboardSettings

SECRET_HEADER = "X-SpanLedger-Proxy"  # noqa: S105 - its name, not the secret
EMPTY = '<div class="sl-empty"><h2>{title}</h2><p>{what}</p></div>'
NOT_THE_PROXY = "These pages are read through a proxy that signs people in. Open them at its address."
NOBODY = "The proxy has not said who you are: sign in there and open the page again."
UNKNOWN = "You are signed in as {user}, and nobody has said what you may see. Ask whoever keeps the file of people."


BROKEN = "The file of who may see what cannot be read: whoever keeps it must mend it."
TWICE = "The header {name} came twice: let the proxy replace what clients send, and not add to it."


class Headers(Protocol):
    """Headers of a request, in any case."""

    def get_all(self, key: str) -> list[str]:
        """All values of one."""


class NotSignedIn(Exception):
    """Somebody who sees nothing; the text says why."""


def who_looks(settings: DashboardSettings, headers: Headers) -> Person | None:
    """Who it is; None where nobody signs in: the pages are of this machine alone. Raises NotSignedIn, BadPeople."""
    if not settings.people:
        return None
    given = _only(headers, SECRET_HEADER)
    if not hmac.compare_digest(given.encode(), settings.proxy_secret.encode()):
        raise NotSignedIn(NOT_THE_PROXY)
    user = _only(headers, settings.user_header).strip()
    if not user:
        raise NotSignedIn(NOBODY)
    person = find_person(read_people(Path(settings.people)), user)
    if person is None:
        raise NotSignedIn(UNKNOWN.format(user=user))
    return person


def _only(headers: Headers, name: str) -> str:
    values = headers.get_all(name)
    if len(values) > 1:
        raise NotSignedIn(TWICE.format(name=name))
    return values[0] if values else ""


def turn_away(reason: NotSignedIn | BadPeople) -> None:
    """Say why nothing is shown, and show nothing."""
    title, what = ("Not for you", str(reason)) if isinstance(reason, NotSignedIn) else ("Nobody is let in", BROKEN)
    st.html(EMPTY.format(title=title, what=escape(what)))
    st.stop()
