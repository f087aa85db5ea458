"""Signed requests: a CloudEvents 1.0 body under the headers of Standard Webhooks.

``webhook-id`` is the event's id, the same whenever it is sent again: a receiver that has seen it has nothing to do.
``webhook-signature`` is ``v1,`` and base64 of HMAC-SHA256 over ``id.timestamp.body``, by the secret after ``whsec_``.
Sources: cloudevents.io spec 1.0.2 (JSON format), standardwebhooks.com spec.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from alerts.channels.http import post

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


def read_secret(text: str) -> bytes:
    """The key of ``whsec_…``, 24 to 64 bytes as base64. Raises ValueError, which says what it must be."""
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(f"must be {PREFIX} and {LEAST_BYTES} to {MOST_BYTES} bytes in base64, like the output of: "
                         f'echo "{PREFIX}$(openssl rand -base64 32)"')  # fmt: skip
    return key


def sign(key: bytes, id_: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``."""
    signed = hmac.new(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def send(url: str, key: bytes | None, *, id_: str, kind: str, subject: str, now: datetime, data: Any) -> None:
    """POST ``data`` as a CloudEvent of the kind; without a key it is not signed. Raises ChannelDown."""
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": "/spanledger",
        "type": kind,
        "subject": subject,
        "time": now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
    body = json.dumps(event).encode()
    timestamp = int(now.timestamp())
    headers: Mapping[str, str] = {
        "Content-Type": "application/cloudevents+json",
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        **({"webhook-signature": sign(key, id_, timestamp, body)} if key else {}),
    }
    post(url, body, headers)
