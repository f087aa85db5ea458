"""The way over the wire bytes: ``decode(messages, table) -> Decoded``, the same as ``processors.decode.walk`` gives.

Message by message (``kernel``, compiled, without the GIL; ``walker`` is its Python side):

1. ``frames``: the message into a buffer, its groups (one resource, one scope) and spans. What a resource and a scope
   say is read in Python, once for each pair of them (``resources``, ``templates``).
2. ``follow``: spans of a shape that is known (``shapes``: the same keys and kinds of values in the same order)
   are followed along it. ``plans``: what a shape tells of every field, settled once; ``runs``: done for its rows.
3. ``spans``: all other spans attribute by attribute, and those in which a value is not what the plan hopes for. It is
   modest: a span with anything that only Python can read is *left* to the walk, a message that protobuf might read in
   another way is *odd*.
4. ``fill``: cells of all fields, when the message has been found sound.

Then, for the whole range: ``structures``, JSON that may tell what no attribute told, and what else the kernel has set
apart for Python (verdicts, events with evaluations), parsed once for each; ``columns``, Arrow; the rows of the walk
take their places.
"""

import logging
import time

from processors.conventions.table import load_table
from processors.decode.wire.compiled import CACHE, is_ready
from processors.decode.wire.decode import count_spans, decode
from processors.decode.wire.sample import sample
from processors.messages import Message

__all__ = ["count_spans", "decode", "load"]

log = logging.getLogger("spanledger.decode")


def load() -> None:
    """Read the compiled code from the disk, or compile it: about a minute, once for each version of it."""
    started = time.monotonic()
    was_ready = is_ready()
    if not was_ready:
        log.info("compiling the decoder, about a minute, once cache=%s", CACHE)
    decode([Message(topic="", partition=0, offset=0, received_at_us=0, value=sample())], load_table())
    count_spans(sample())
    if not was_ready:
        log.info("compiled the decoder seconds=%.1f", time.monotonic() - started)
