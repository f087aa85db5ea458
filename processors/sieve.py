"""A message that stops the engine must not stop its partition: it is sifted out, and its neighbours stand.

What cannot be read is dead-lettered by decode. This is for what nobody foresaw: where a range makes the engine raise,
each message is tried alone, those that raise alone become dead letters (``unprocessable``), and the range is processed
without them. Deterministic, like the engine: the same range gives the same tables and the same dead letters.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from polars.exceptions import PanicException

from processors.engine import Engine, process_range, process_ranges
from processors.messages import DeadLetter, Drop, Message, Processed

log = logging.getLogger("spanledger.worker")

STOPS = (Exception, PanicException)
"""What a step of the engine may raise; polars panics with no Exception."""

Process = Callable[[Sequence[Message], Engine], Processed]


def process_all(ranges: Sequence[Sequence[Message]], engine: Engine) -> list[Processed]:
    """Tables of several ranges in one pass; where that stops, range by range, each without what stops it."""
    try:
        return process_ranges(ranges, engine)
    except MemoryError:
        raise
    except STOPS:
        return [process_surely(messages, engine) for messages in ranges]


def process_surely(messages: Sequence[Message], engine: Engine, process: Process = process_range) -> Processed:
    """Tables of a range without the messages that stop the engine; those are among ``dead`` and ``dropped``.

    Raises what the engine raised where no message does so alone (a fault between messages, or of the machine).
    """
    try:
        return process(messages, engine)
    except STOPS as error:
        if isinstance(error, MemoryError):
            raise
        stops = stopping(messages, engine, process)
        if not stops:
            raise
    log.error("the engine stops at messages offsets=%s kinds=%s", [messages[i].offset for i in stops],
              sorted(set(stops.values())))  # fmt: skip
    kept = [index for index in range(len(messages)) if index not in stops]
    processed = process([messages[index] for index in kept], engine)
    dead = [replace(letter, index=kept[letter.index]) for letter in processed.dead]
    dead += [DeadLetter(index=i, reason=Drop.UNPROCESSABLE, detail=kind) for i, kind in stops.items()]
    count = processed.dropped.get(Drop.UNPROCESSABLE.value, 0) + len(stops)
    return replace(
        processed,
        dead=tuple(sorted(dead, key=lambda letter: letter.index)),
        dropped={**processed.dropped, Drop.UNPROCESSABLE.value: count},
    )


def stopping(messages: Sequence[Message], engine: Engine, process: Process = process_range) -> dict[int, str]:
    """Index of each message that stops the engine alone, and the kind of error; empty where none does."""
    return {index: kind for index, message in enumerate(messages) if (kind := _stops(message, engine, process))}


def _stops(message: Message, engine: Engine, process: Process) -> str | None:
    """The kind of error that the message raises alone; never its text, which may hold content."""
    try:
        process([message], engine)
    except MemoryError:
        raise
    except STOPS as error:
        return type(error).__name__
    return None
