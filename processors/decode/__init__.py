"""OTLP bytes to typed columns: ``decode(messages, table) -> Decoded``.

Every message gets a verdict: spans, or a ``DeadLetter`` (``bad_payload``, ``empty``); every span stands or is counted
as ``bad_span``. One bad payload never fails its neighbours.

There are two ways to the same columns. ``wire`` walks over the bytes in compiled code, a hundred times faster, and
hands over what it does not know; ``walk`` goes through the protobuf library's objects and knows everything. JSON is
made into protobuf messages first (``otlp_json``). Small ranges take ``walk`` until ``prepare`` has loaded the compiled
code.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Sequence

from processors.conventions.table import AliasTable
from processors.decode import walk
from processors.decode.decoded import Decoded
from processors.messages import Message

__all__ = ["Decoded", "count_spans", "decode", "prepare"]

SMALL_BYTES = 1 << 20
"""A smaller range is read by ``walk`` sooner than the compiled code is loaded from the disk."""

log = logging.getLogger("spanledger.decode")

_Decode = Callable[[Sequence[Message], AliasTable], Decoded]
_Count = Callable[[bytes], int | None]
_fast: list[tuple[_Decode, _Count]] = []


def prepare() -> bool:
    """Load the compiled code, or make it, once for each version, with a line that says so; False: there is none."""
    if not _fast:
        try:
            wire = importlib.import_module("processors.decode.wire")
        except ImportError as error:
            log.warning("numba is not available: spans are decoded through protobuf objects, slower reason=%s", error)
            _fast.append((walk.decode, lambda _: None))
        else:
            wire.load()
            _fast.append((wire.decode, wire.count_spans))
    return _fast[0][0] is not walk.decode


def decode(messages: Sequence[Message], table: AliasTable) -> Decoded:
    """Columns of all spans of a range of messages; ``DeadLetter.index`` counts within ``messages``."""
    is_small = not _fast and sum(len(message.value) for message in messages) < SMALL_BYTES
    if table.scan_pii or is_small:
        return walk.decode(messages, table)  # only objects show the content that ``content`` looks at
    prepare()
    return _fast[0][0](messages, table)


def count_spans(value: bytes) -> int | None:
    """How many spans a payload holds, counted without a look into any; None where that cannot be told quickly."""
    return _fast[0][1](value) if _fast else None
