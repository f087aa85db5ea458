"""The content of a span, looked at for personal data where settings want that, and then dropped.

Looked at are the attributes and events of ``conventions/content.csv``, no more than ``SCAN_CHARACTERS`` of them, in the
order of the wire. The answer is True (something is there), False (all of it was looked at and nothing is there) or
None: no content on the span, masked by its producer, or nothing found in a content that was cut. The content itself
goes nowhere.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from processors.conventions.table import read_rows
from processors.pii import is_personal

FIELD = "pii_scanned"
NO_ALIAS = -1
SCAN_CHARACTERS = 65_536
"""Of one span."""

_MASKS = ("__redacted__", "[redacted]", "<redacted>", "redacted-by-litellm", "[filtered]", "***", "<hidden>")
_TEXT_MEMBERS = re.compile(r'"(content|text|parts|arguments|result|input|output|prompt|completion|refusal)"')
_NO_TEXT = frozenset(
    (
        *("role", "finish_reason", "id", "name", "type", "index", "tool_call_id", "mime_type", "model", "version"),
        *("prompt_filter_results", "content_filter_results"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentKeys:
    """Keys of content: whole, as beginnings, and as beginning with end (``llm.*.messages``).

    ``events`` are names of events, all of whose texts are content.
    """

    whole: frozenset[str]
    starts: tuple[str, ...]
    ends: Mapping[str, tuple[str, ...]]
    events: frozenset[str]

    def holds(self, key: str) -> bool:
        """Whether an attribute of a span holds content that is looked at."""
        if key in self.whole:
            return True
        if key.startswith(self.starts):
            return key.rpartition(".")[2] not in _NO_TEXT
        return any(key.startswith(start) and key.endswith(ends) for start, ends in self.ends.items())


@functools.cache
def content_keys() -> ContentKeys:
    """What ``conventions/content.csv`` wants to be looked at."""
    rows = [row for row in read_rows("content.csv") if row["scan"] == "yes"]
    keys = [row["key"] for row in rows if row["place"] == "span"]
    parted = [key.split("*") for key in keys if "*" in key]
    starts = {start for start, end in parted if end}
    return ContentKeys(
        whole=frozenset(key for key in keys if "*" not in key),
        starts=tuple(start for start, end in parted if not end),
        ends={start: tuple(end for other, end in parted if other == start and end) for start in sorted(starts)},
        events=frozenset(row["key"] for row in rows if row["place"] == "event"),
    )


def scan(span: Any) -> bool | None:
    """Whether the content of an OTLP span holds personal data; None: not known, see above."""
    left, seen = SCAN_CHARACTERS, False
    for text in _texts(span, content_keys()):
        if left <= 0:
            return None
        if is_personal(text[:left]):
            return True
        cut = len(text) > left
        left -= len(text)
        seen = True
        if cut:
            return None
    return False if seen else None


def _texts(span: Any, keys: ContentKeys) -> Iterator[str]:
    """All texts of a span's content, as they stand on the wire."""
    for attribute in span.attributes:
        if keys.holds(attribute.key):
            yield from filter(_has_text, _strings(attribute.value))
    for event in span.events:
        if event.name in keys.events:
            for attribute in event.attributes:
                if attribute.key.rpartition(".")[2] not in _NO_TEXT:
                    yield from filter(_has_text, _strings(attribute.value))


def _strings(value: Any) -> Iterator[str]:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        yield value.string_value
    elif kind == "array_value":
        for item in value.array_value.values:
            yield from _strings(item)
    elif kind == "kvlist_value":
        for item in value.kvlist_value.values:
            if item.key not in _NO_TEXT:
                yield from _strings(item.value)


def _has_text(text: str) -> bool:
    """Whether there is something to look at: no mask, no message without its words."""
    short = text[:64].strip().lower()
    if (
        not short
        or (len(text) <= len(short) + 2 and short in _MASKS)
        or "redacted-by-litellm" in text[:SCAN_CHARACTERS]
    ):
        return False
    return short[:1] not in ("{", "[") or _TEXT_MEMBERS.search(text) is not None or not _is_message(short)


def _is_message(short: str) -> bool:
    return '"role"' in short or '"finish_reason"' in short
