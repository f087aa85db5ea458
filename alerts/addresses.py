"""What is wrong with an address, of the web, of a host or of mail, before anybody is sent to it."""

from __future__ import annotations

from collections.abc import Sequence
from email.errors import MessageError, NonASCIILocalPartDefect
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import urlsplit

MUST = "must be an http:// or https:// URL"
DELETE = 0x7F
NO_HOST = "must be the name or address of a host, like mail.example.com"
NO_MAIL = "must be an address of mail, like ledger@example.com"


def fault_of(url: str) -> str | None:
    """What an address must be that it is not, None if it can be used: scheme, host, port, no blanks."""
    if not url.startswith(("http://", "https://")):
        return MUST
    if any(letter <= " " or letter == "\x7f" for letter in url):
        return f"{MUST} without blanks"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
    except ValueError:
        return f"{MUST}, whose host is no name of a host"
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        return f"{MUST}, whose port is 1 to 65535"
    return None if host else f"{MUST} with a host"


def fault_of_host(host: str) -> str | None:
    """What a host must be that it is not, None if it can be asked for."""
    try:
        known = host.encode("idna")
    except UnicodeError:
        return NO_HOST
    return None if known and all(ord(" ") < byte < DELETE for byte in known) else NO_HOST


def read_mail(text: str) -> Sequence[Address]:
    """The addresses of mail that a text names, with their names. Raises ValueError, which says what it must be."""
    header = EmailMessage()
    try:
        header["To"] = text
        found = header["To"]
        faults = [one for one in found.defects if not isinstance(one, NonASCIILocalPartDefect)]
    except (ValueError, IndexError, MessageError) as error:
        raise ValueError(NO_MAIL) from error
    addresses: Sequence[Address] = found.addresses
    if faults or not addresses or not all(one.username and one.domain for one in addresses):
        raise ValueError(NO_MAIL)
    if any(fault_of_host(one.domain) for one in addresses):
        raise ValueError(NO_MAIL)
    return addresses
