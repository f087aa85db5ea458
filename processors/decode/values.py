"""One attribute value as its field's kind, or None: nothing on the wire is trusted to have the right type.

Accepted beside the plain type: numbers as text (``100.0``, ``1e2`` and ``1,200`` are whole), booleans as text, lists as
JSON text, JSON in JSON (quoted text), Python reprs of dicts and objects (``decode.reprs``); where the first of several
is wanted, also of lists, tuples, sets and enums. Refused: empty text, a structure as text, text beyond ``TEXT_BYTES``,
NaN and infinities, numbers beyond 64 bits.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from processors.conventions.rules import words
from processors.decode.reprs import opens_object, read_repr

TEXT_BYTES = 1024
"""Longest text that is kept; a message that is only classified is cut at ``MESSAGE_BYTES`` instead."""
MESSAGE_BYTES = 4096
STRUCTURE_BYTES = 1 << 23
"""Longest text that is parsed as JSON: an answer with pictures in it tells its tokens behind them."""
REPR_BYTES = 1 << 20
"""Likewise as a Python repr."""
CUT = "@cut"
"""Step of a path to what is true of a text that begins as a structure and does not end; words stand before it."""
OBJECT_BYTES = 1 << 16
"""Likewise as the repr of one object: what is longer is content."""

NOBODY = frozenset(words("who"))
"""In lower case; ASCII all."""
_MOST_DIGITS = 64
"""Of a number as text; what is longer counts nothing."""
_EXACT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[,_]\d{3})+(?:\.0*)?", re.ASCII)
"""Thousands set apart: of a count, so a comma is no decimal point."""
_TOLD = re.compile(r"\d|\bnan\b|\binf(?:inity)?\b", re.ASCII | re.IGNORECASE)
"""A text that meant to tell a number."""
_ENUM = re.compile(r"<([\w.]+): [^<>]*>", re.ASCII)
_SET = re.compile(r"(?:frozenset|set)\((.*)\)", re.ASCII | re.DOTALL)
_WORDS = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}


def plain(value: Any) -> Any:
    """A protobuf ``AnyValue`` as str, bool, int, float, bytes, list or dict; None where nothing is set."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    inner = getattr(value, kind)
    if kind == "array_value":
        return [plain(item) for item in inner.values]
    if kind == "kvlist_value":
        return {item.key: plain(item.value) for item in inner.values}
    return inner


def structure(value: Any) -> Any:
    """A list or dict: as it is, or parsed from JSON or from a Python repr; None where it is neither."""
    if isinstance(value, list | dict):
        return value
    if not isinstance(value, str) or len(value) > STRUCTURE_BYTES:
        return None
    if opens_object(value):
        told = read_repr(value) if len(value) <= OBJECT_BYTES else None
        return told if isinstance(told, list | dict) else None
    if value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return read_repr(value) if len(value) <= REPR_BYTES else None


def is_cut(value: Any, about: Iterable[str] = ()) -> bool:
    """Whether a text that no structure was found in begins as one and holds these words: its end is missing."""
    if not isinstance(value, str) or len(value) > STRUCTURE_BYTES:
        return False
    return (value.lstrip()[:1] in ("{", "[") or opens_object(value)) and all(word in value for word in about)


def follow(found: Any, path: tuple[str, ...]) -> Any:
    """The member at the end of the path; None where the path breaks off.

    A member on the way that is short text is read as a structure (``json.dumps`` writes an object's repr). A step like
    ``ONE+PREFIX_*`` is the sum of the whole numbers among the members that are called or begin so; one like
    ``ONE+OTHER/KIND=WORD+WORD/COUNT`` is the sum of COUNT over the items of these lists whose KIND is one of the words.
    """
    for step in path:
        if isinstance(found, str) and len(found) <= MESSAGE_BYTES:
            found = structure(found)
        if isinstance(found, dict):
            found = _member(found, step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _member(members: Mapping[Any, Any], step: str) -> Any:
    if "/" in step:
        return _sum_items(members, step)
    if step[-1:] != "*" and "+" not in step:
        return members.get(step)
    names, begins = _wanted(step)
    told = [members.get(name) for name in names]
    if begins:
        told += [value for name, value in members.items() if isinstance(name, str) and name.startswith(begins)]
    return _sum(told)


def _sum(told: Iterable[Any]) -> int | None:
    """None where nothing counts; a count that cannot be makes the sum one that cannot be."""
    counts = [count for value in told if (count := to_count(value)) is not None]
    return -1 if any(count < 0 for count in counts) else sum(counts) if counts else None


def _sum_items(members: Mapping[Any, Any], step: str) -> int | None:
    """Of lists of items that say what they count: 0 where they are told and none is of the kind."""
    lists, kind, words_, count = _wanted_items(step)
    given = [structure(members.get(name)) for name in lists]
    items = [item for one in given if isinstance(one, list) for item in one if isinstance(item, dict)]
    named = [item for item in items if isinstance(item.get(kind), str)]
    found = [item.get(count) for item in named if item[kind].rpartition(".")[2] in words_]
    return _sum(found) if found or not named else 0


@functools.cache
def _wanted_items(step: str) -> tuple[tuple[str, ...], str, frozenset[str], str]:
    """Names of the lists, the member that says of what an item is, its words, and the member that counts."""
    lists, kinds, count = step.split("/")
    kind, _, words_ = kinds.partition("=")
    return tuple(lists.split("+")), kind, frozenset(words_.split("+")), count


@functools.cache
def _wanted(step: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and beginnings of names."""
    parts = step.split("+")
    return tuple(one for one in parts if one[-1:] != "*"), tuple(one[:-1] for one in parts if one[-1:] == "*")


def unquote(value: Any) -> Any:
    """Text that is itself a JSON string, without its quotes."""
    if not isinstance(value, str) or value[:1] != '"':
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def to_text(value: Any) -> str | None:
    """Text, or a number within 64 bits or a boolean as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value) if isinstance(value, float) or to_integer(value) is not None else None
    if not isinstance(value, str) or not value.strip() or value.lstrip()[0] == "{":
        return None  # nothing, or a structure: content where a name should stand
    text = _whole_characters(value)
    return text if len(text) <= TEXT_BYTES // 4 or len(text.encode()) <= TEXT_BYTES else None


def to_who(value: Any) -> str | None:
    """Text, but none of the words that programs write where nobody is (``who`` of ``values.csv``)."""
    text = to_text(value)
    return None if text is not None and text.strip().lower() in NOBODY else text


def _whole_characters(text: str) -> str:
    """Text that UTF-8 can say: surrogates, which JSON may escape, are joined to characters; a lone one is U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def to_first(value: Any) -> str | None:
    """Text, or the first text of a list, a tuple or (in the order of the alphabet) a set."""
    if isinstance(value, str) and len(value) <= TEXT_BYTES:
        value = _several(value.strip())
    if isinstance(value, set):
        value = sorted(value, key=repr)
    if isinstance(value, list | tuple):
        return next((text for text in map(to_text, value) if text), None)
    return to_text(value)


def _several(text: str) -> Any:
    """Text that is the JSON or the Python repr of one or several texts, read; else the text."""
    written = _SET.fullmatch(text)
    inside = _ENUM.sub(r"'\1'", written[1] if written else text)
    if inside[:1] not in ("[", "(", "{", '"', "'"):
        return inside
    parsed = structure(inside)
    return read_repr(inside) if parsed is None else parsed


def to_integer(value: Any) -> int | None:
    """A whole number within 64 bits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = _exact(value.strip())
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def _exact(text: str) -> int | None:
    """Text of a number without a fraction, however it is written: ``100``, ``100.0``, ``1e2``, ``1,200``, ``1_200``."""
    if len(text) > _MOST_DIGITS:
        return None
    if _GROUPED.fullmatch(text):
        text = text.replace(",", "").replace("_", "")
    if not _EXACT.fullmatch(text):
        return None
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else None


def to_count(value: Any) -> int | None:
    """A whole number; -1 for one that counts nothing (a fraction, beyond 64 bits, a unit): told, and to be refused."""
    whole = to_integer(value)
    return -1 if whole is None and _tells_number(value) else whole


def _tells_number(value: Any) -> bool:
    if isinstance(value, str):
        return _TOLD.search(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def to_real(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def to_elapsed(value: Any) -> float | None:
    """A finite number that is not negative: nothing lasts less than no time, so the next attribute is asked."""
    number = to_real(value)
    return number if number is not None and number >= 0 else None


def to_bool(value: Any) -> bool | None:
    """A boolean, also as text or as 0 and 1."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    return _WORDS.get(value.strip().lower()) if isinstance(value, str) else None


def to_time(value: Any) -> int | None:
    """UTC nanoseconds: given as such, or as ISO 8601 text with an offset."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 < value < 2**64 else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return to_time((since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000)


def to_message(value: Any) -> str | None:
    """The start of a text that is read and then dropped."""
    if not isinstance(value, str) or not value:
        return None
    return _whole_characters(value[:MESSAGE_BYTES]).encode()[:MESSAGE_BYTES].decode("utf-8", "ignore")


CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "text": to_text,
    "first": to_first,
    "who": to_who,
    "integer": to_integer,
    "count": to_count,
    "real": to_real,
    "elapsed": to_elapsed,
    "bool": to_bool,
    "time": to_time,
    "message": to_message,
}
