"""E-mail through one SMTP server. The events of an incident are one thread; an event sent again has the same id.

A channel has one recipient, so a server that refuses one of several keeps nobody else waiting, and who has it gets it
once; the mail names all of them.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from alerts.channels.http import TIMEOUT_S
from alerts.errors import ChannelDown, EventRefused
from alerts.incidents import OPENED, TOLD, Event
from alerts.text import as_lines, page_of

DOMAIN = "spanledger.invalid"
CHANGE = "change host, user, password, from or to of the channel"
PERMANENT = 500
"""Replies from here on say that it would be refused again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where mail is handed in. ``tls``: ``starttls``, ``tls`` from the first byte, or ``none``."""

    host: str
    port: int
    tls: str = "starttls"
    user: str | None = None
    password: str | None = None


class Email:
    """Sends to ``to``; ``among``: all whom the mail names as its recipients."""

    hears = TOLD
    refresh_s: float | None = None

    def __init__(
        self,
        server: Server,
        *,
        sender: str,
        to: str,
        dashboard_url: str,
        runbooks_url: str | None = None,
        among: Sequence[str] = (),
        name: str = "email",
    ) -> None:
        self.name = name
        self._server = server
        self._sender = sender
        self._to = to
        self._among = tuple(among) or (to,)
        self._dashboard_url, self._runbooks_url = dashboard_url, runbooks_url

    def send(self, event: Event, now: datetime) -> None:
        """See ``Channel``."""
        try:
            message = self._message(event, now)
            with self._connect() as server:
                server.send_message(message, to_addrs=[self._to])
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            refused = EventRefused if min(codes) >= PERMANENT else ChannelDown
            raise refused(f"{self._server.host}: refused {', '.join(error.recipients)}") from error
        except smtplib.SMTPDataError as error:
            refused = EventRefused if error.smtp_code >= PERMANENT else ChannelDown
            raise refused(f"{self._server.host} answered {error.smtp_code}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise ChannelDown(f"{self._server.host}:{self._server.port}: {error or type(error).__name__}") from error
        except ValueError as error:  # of names and passwords that mail cannot hold
            raise ChannelDown(f"{self._server.host}:{self._server.port}: {error}: {CHANGE}") from error

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``; mail is of events only."""

    def _connect(self) -> smtplib.SMTP:
        known = self._server
        if known.tls == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(known.host, known.port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(known.host, known.port, timeout=TIMEOUT_S)
        try:
            if known.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if known.user:
                server.login(known.user, known.password or "")
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, event: Event, now: datetime) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = self._sender, ", ".join(self._among)
        subject = f"[SpanLedger] {event.severity}: {event.signal} of {event.budget or event.scope}"
        message["Subject"] = " ".join(subject.split())  # a name may have a line break, a header may not
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{event.event_id}@{DOMAIN}>"
        thread = f"<{event.incident_id}@{DOMAIN}>"
        message["References"] = thread
        if event.event != OPENED:
            message["In-Reply-To"] = thread
        message.set_content("\n".join([*as_lines(event, self._runbooks_url), "", page_of(event, self._dashboard_url)]))
        return message
