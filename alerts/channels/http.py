"""POST JSON, with a deadline, to the address that the settings name and to no other: no proxies, no redirects."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from alerts.errors import ChannelDown

TIMEOUT_S = 5.0
AGENT = "spanledger"


def post_json(url: str, body: Any, headers: Mapping[str, str] | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
    """Send the body; anything but a 2xx answer in time raises ChannelDown."""
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=timeout_s)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"Content-Type": "application/json", "User-Agent": AGENT, **(headers or {})}
    try:
        connection.request("POST", path, body=json.dumps(body).encode(), headers=sent)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ChannelDown(f"{parts.hostname}:{parts.port or parts.scheme}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if not http.client.OK <= answer.status < http.client.MULTIPLE_CHOICES:
        raise ChannelDown(f"{parts.hostname}:{parts.port or parts.scheme} answered {answer.status}")
