"""Ids of traces and spans in JSON, as the gateway and the worker both read them."""

from __future__ import annotations

import base64

NO_ID = b"?"
"""What other text is read as: of a wrong length, so that whoever checks the length refuses the span."""


def read_id(text: str, size: int) -> bytes:
    """The raw id of so many bytes, from hex (OTLP) or base64 (protobuf's own JSON); empty text is no id."""
    try:
        return bytes.fromhex(text) if len(text) == 2 * size else base64.b64decode(text, validate=True)
    except ValueError:
        return NO_ID
