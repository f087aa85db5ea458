"""Ids of traces and spans in JSON, as the gateway and the worker both read them."""

from __future__ import annotations

import base64

NO_ID = b"?"
"""What other text is read as: of a wrong length, so that whoever checks the length refuses the span."""

_URL_SAFE = str.maketrans("-_", "+/")


def read_id(text: str, size: int) -> bytes:
    """The raw id of so many bytes, from hex (OTLP) or base64 (protobuf's own JSON); empty text is no id.

    Base64 of either alphabet, with its padding or without, as protobuf's own readers take it.
    """
    try:
        if len(text) == 2 * size:
            return bytes.fromhex(text)
        whole = text.translate(_URL_SAFE).rstrip("=")
        return base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
    except ValueError:
        return NO_ID
