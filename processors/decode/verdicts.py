"""What a provider's filter or a guard said, as closed words: the one way from a structured result to the ledger.

Read: Azure ``prompt_filter_results``, ``content_filter_results`` and ``content_filters``, Gemini ``safetyRatings`` and
``promptFeedback``, Bedrock guardrail traces and assessments, OpenAI moderation results, plain lists of category words.
They come as JSON, as Python reprs or as structured values. Nothing but words of ``values.csv`` comes out, so texts
beside a result (matches, messages, explanations) cannot.

A verdict is text: ``category=action`` pairs parted by a blank, the strongest action first, like ``pii=redacted
hate=allowed``. An empty action (``hate=``): found, and nobody said what was done about it.

=============  ======================================================================================================
``blocked``    ``filtered`` or ``blocked`` is true, an action says so, or the prompt has a block reason
``redacted``   an action says that it was masked
``flagged``    ``detected`` or ``flagged`` is true, or severity or probability is medium or more, and it went through
``allowed``    looked for, and nothing of it found
=============  ======================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from processors.conventions.rules import words
from processors.decode import refusals
from processors.decode.values import structure, to_integer
from warehouse.schemas import SAFETY_ACTIONS

FIELD = "safety_verdicts"

MOST_DEEP = 12
"""Levels of a structured value that are looked into."""

MENTIONS = ("filter_result", "content_filters", "afety", "rompt", "uardrail", "ssessment", "flagged")
_FLAG_SEVERITY = 4  # Azure: 0, 2, 4 = medium, 6 = high
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[^a-z0-9]+")
_WORD_CHARACTERS = 64
_OPEN = frozenset({"input_assessment", "output_assessments", "input", "outputs", "prompt_filter_results"})
_INSIDE = {
    "choices": "",
    "candidates": "",
    "results": "",
    "guardrail": "",
    "trace": "",
    "amazon_bedrock_trace": "",
    "content_filters": "",
    "content_filter_result": "",
    "content_filter_results": "",
    "safety_ratings": "",
    "prompt_feedback": "",
    "assessments": "",
    "input_assessments": "",
    "output_assessments": "",
    "categories": "",
    "content_policy": "",
    "filters": "",
    "topics": "topic",
    "topic_policy": "topic",
    "word_policy": "topic",
    "custom_words": "topic",
    "managed_word_lists": "topic",
    "custom_blocklists": "topic",
    "sensitive_information_policy": "pii",
    "pii_entities": "pii",
    "regexes": "pii",
    "contextual_grounding_policy": "ungrounded",
}
"""Members that are looked into, and the category of what has none of its own."""
_LISTS = {"sensitive": "pii", "topic": "topic", "words": "topic", "content": ""}
_REASONS = ("block_reason", "blocked_reason")


def normal(word: str) -> str:
    """A word as ``values.csv`` has it: snake case, without the prefix of Gemini's enum."""
    return _BETWEEN.sub("_", _CAMEL.sub("_", word[:_WORD_CHARACTERS]).lower()).strip("_").removeprefix("harm_category_")


def mentioned(value: Any) -> bool:
    """Whether it is worth while to parse a value for a verdict; texts without any of the members are not parsed."""
    return not isinstance(value, str) or any(mention in value for mention in MENTIONS)


def read(value: Any) -> str | None:
    """The verdict of a structured result; None where it says nothing, as any text does that is none."""
    found: dict[str, str] = {}
    parsed = structure(value)
    if parsed is not None:
        _walk(parsed, "", found, MOST_DEEP)
    return write(found)


def read_words(value: Any) -> str | None:
    """Likewise of a result or of category words, in one text or in several."""
    parsed = structure(value)
    if isinstance(value, str) and parsed is None:
        parsed = re.split(r"[,;|]", value[:1024])
    if not isinstance(parsed, list) or not all(isinstance(word, str) for word in parsed):
        return read(parsed)
    found: dict[str, str] = {}
    _note_words(parsed, "", found)
    return write(found)


def write(found: Mapping[str, str]) -> str | None:
    """Pairs as text, in an order that depends on nothing but them."""
    pairs = sorted(found.items(), key=lambda pair: (SAFETY_ACTIONS.index(pair[1]), pair[0]))
    return " ".join(f"{category}={action}" for category, action in pairs) or None


def merge(one: str, other: str) -> str:
    """Both verdicts; of a category that both name, the stronger action."""
    found: dict[str, str] = {}
    for pair in (*one.split(" "), *other.split(" ")):
        category, _, action = pair.partition("=")
        _note(found, category, action)
    return write(found) or ""


def total(value: Any) -> int | None:
    """A whole number within 64 bits, or such a sum of a map of counts by kind (litellm: ``{"CREDIT_CARD": 2}``)."""
    parsed = structure(value)
    if isinstance(parsed, dict):
        return to_integer(sum(count for count in map(to_integer, parsed.values()) if count))
    return to_integer(value)


def _note(found: dict[str, str], category: str, action: str) -> None:
    known = found.get(category)
    if known is None or SAFETY_ACTIONS.index(action) < SAFETY_ACTIONS.index(known):
        found[category] = action


def _category(word: Any) -> str | None:
    return words("safety_category").get(normal(word)) if isinstance(word, str) else None


def _note_words(given: Iterable[Any], category: str, found: dict[str, str]) -> None:
    """Bare words: found, action unknown; words beyond the table are ``other``, or of the list's own category.

    An action alone is that of a guard which does not say what it looks for.
    """
    for word in given:
        if isinstance(word, str) and word.strip() and normal(word) not in ("none", "safe"):
            done = words("guardrail_action").get(normal(word))
            if done and not category and not _category(word):
                _note(found, "guardrail", done)
                continue
            _note(found, category or _category(word) or "other", "")


def _walk(value: Any, category: str, found: dict[str, str], levels: int) -> None:
    if levels == 0:
        return
    if isinstance(value, list):
        if category and all(isinstance(item, str) for item in value):
            _note_words(value, category, found)
        for item in value:
            _walk(item, category, found, levels - 1)
    if isinstance(value, dict):
        _entry(value, category, found)
        for key, item in value.items():
            _member(normal(str(key)), item, category, found, levels)


def _member(name: str, item: Any, category: str, found: dict[str, str], levels: int) -> None:
    if name in _OPEN:
        for inner in item.values() if isinstance(item, dict) else [item]:
            _walk(inner, category, found, levels - 1)
        if isinstance(item, dict):
            _walk(item, category, found, levels - 1)
    elif name in _LISTS and isinstance(item, list) and all(isinstance(word, str) for word in item):
        _note_words(item, _LISTS[name], found)
    elif name in _REASONS and isinstance(item, str) and not normal(item).endswith("unspecified"):
        _note(found, words("safety_category").get(normal(item)) or "content_filter", "blocked")
    elif name in _INSIDE and isinstance(item, list | dict):
        own = _INSIDE[name] or category
        if isinstance(item, dict) and own == "topic":
            _entry(item, own, found)
        _walk(item, own, found, levels - 1)
    elif isinstance(item, dict | bool):
        known, done = words("safety_category").get(name), _outcome(item)
        if known and done is not None:
            _note(found, known, done)


def _entry(value: Mapping[str, Any], category: str, found: dict[str, str]) -> None:
    """One finding: a category by name or of its list, and what became of it."""
    done = _outcome(value)
    named = _category(value.get("category")) or _category(value.get("type"))
    known = (named or category) if category == "topic" else (category or named)  # a list of words may say which
    if known and done is not None:
        _note(found, known, done)
    elif value.get("flagged") is True and not isinstance(value.get("categories"), dict):
        _note(found, "content_filter", "flagged")


def _outcome(value: Any) -> str | None:
    """What became of a finding; None where the value is no finding."""
    if isinstance(value, bool):
        return "flagged" if value else "allowed"
    told = {normal(str(key)): item for key, item in value.items()}
    if told.get("filtered") is True or told.get("blocked") is True:
        return "blocked"
    action = words("guardrail_action").get(normal(str(told.get("action", ""))))
    if action in ("blocked", "redacted"):
        return action
    if told.get("detected") is True or any(_is_high(told.get(name)) for name in ("severity", "probability")):
        return "flagged"
    known = ("filtered", "blocked", "action", "detected", "severity", "probability")
    return "allowed" if any(name in told for name in known) else None


def _is_high(level: Any) -> bool:
    if isinstance(level, str):
        return level.strip().lower() in ("medium", "high")
    return isinstance(level, int) and not isinstance(level, bool) and level >= _FLAG_SEVERITY


WORDS = "words"
"""Unit of an alias under which bare category words stand."""
READERS: Mapping[str, Callable[[Any], Any]] = {FIELD: read, refusals.FIELD: refusals.read, "masked_entities": total}
"""What reads the fields that no kind fits."""
