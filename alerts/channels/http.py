"""GET and POST, with a deadline, to the address that the settings name and to no other: no proxies, no redirects."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from alerts.addresses import fault_of
from alerts.errors import ChannelDown, EventRefused

TIMEOUT_S = 5.0
READ_TIMEOUT_S = 2.0
MOST_BYTES = 1 << 20
"""Of an answer that is read."""
AGENT = "spanledger"
OUR_FAULT = (http.client.BAD_REQUEST, http.client.REQUEST_ENTITY_TOO_LARGE, http.client.UNPROCESSABLE_ENTITY)
"""Answers by which a receiver says that the body is wrong; after any other it may take the same one later."""
QUOTED = 200


def post_json(url: str, body: Any, headers: Mapping[str, str] | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
    """As ``post``, of a value as JSON."""
    post(url, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}, timeout_s=timeout_s)


def get_json(url: str, *, timeout_s: float = READ_TIMEOUT_S) -> Any:
    """What the address tells as JSON. Raises ChannelDown after anything but that in time, in ``MOST_BYTES``."""
    connection, where, path = _connect(url, timeout_s)
    try:
        connection.request("GET", path, headers={"User-Agent": AGENT, "Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read(MOST_BYTES + 1)
        if answer.status != http.client.OK or len(body) > MOST_BYTES:
            raise ChannelDown(f"{where} answered {answer.status}, {len(body)} bytes")
        return json.loads(body)
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise ChannelDown(f"{where}: {error or type(error).__name__}") from error
    finally:
        connection.close()


def _connect(url: str, timeout_s: float) -> tuple[http.client.HTTPConnection, str, str]:
    """A connection, what it is called in errors, and the path to ask for. Raises ChannelDown where it is no address."""
    if fault := fault_of(url):
        raise ChannelDown(f"its address {fault}")
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    where = f"{parts.hostname}:{parts.port or parts.scheme}"
    return connect(parts.hostname or "", parts.port, timeout=timeout_s), where, path


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float = TIMEOUT_S) -> None:
    """Send the body. Raises ChannelDown after anything but a 2xx answer in time, EventRefused where it is to blame."""
    connection, where, path = _connect(url, timeout_s)
    try:
        connection.request("POST", path, body=body, headers={"User-Agent": AGENT, **headers})
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")[:QUOTED]
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise ChannelDown(f"{where}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status in OUR_FAULT:
        raise EventRefused(f"{where} answered {answer.status}: {said}")
    if not http.client.OK <= answer.status < http.client.MULTIPLE_CHOICES:
        raise ChannelDown(f"{where} answered {answer.status}")
