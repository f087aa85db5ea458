"""What is wrong with an address, before anybody is sent to it."""

from __future__ import annotations

from urllib.parse import urlsplit

MUST = "must be an http:// or https:// URL"


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
