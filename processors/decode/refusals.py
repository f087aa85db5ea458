"""Whether a model refused to answer: yes or nothing comes out, the words of the refusal do not.

OpenAI writes it as ``message.refusal`` of a choice (null where the model answered) or as a part ``{"type": "refusal"}``
of an output, which others keep in their messages. They come as JSON, as Python reprs or as structured values. What a
tool was called with is not looked at.
"""

from __future__ import annotations

from typing import Any

from processors.decode.values import structure

FIELD = "refused"
MOST_DEEP = 8
"""Levels of a structured value that are looked into."""

WORD = "refusal"
"""What a text must hold to be looked into."""
_INSIDE = ("choices", "message", "messages", "output", "content", "contents", "parts", "provider_specific_fields")


def mentioned(value: Any) -> bool:
    """Whether it is worth while to look into a value; most texts of models have no word of it."""
    return not isinstance(value, str) or WORD in value


def read(value: Any) -> bool | None:
    """True where a response, a choice, a message or a list of them holds a refusal; None where none is seen."""
    return (mentioned(value) and _holds(structure(value), MOST_DEEP)) or None


def _holds(value: Any, levels: int) -> bool:
    if levels == 0:
        return False
    if isinstance(value, list):
        return any(_holds(item, levels - 1) for item in value)
    if not isinstance(value, dict):
        return False
    said = value.get(WORD)
    if value.get("type") == WORD or (isinstance(said, str) and said.strip() != ""):
        return True
    return any(_holds(value.get(name), levels - 1) for name in _INSIDE)
