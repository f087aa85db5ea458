"""What Python writes of a value when nobody asked it for JSON: reprs, read without running anything.

Read: literals, lists, tuples, sets, dicts; objects of dataclasses, pydantic, attrs and named tuples (``Usage(input=5,
details=Details(cached=2))`` is a dict of its members), also as pydantic's ``str`` has them (``input=5 output=7``);
what wraps one value (``Decimal('1.5')``, ``OrderedDict({…})``) is that value; enums. Whatever else an object is, it
tells nothing, and what stands beside it is read all the same.
"""

from __future__ import annotations

import ast
import re
from typing import Any

NAME_BYTES = 64
"""Longest name of a class or member with which an object may begin."""

_OPENS = re.compile(rf"[A-Za-z_][A-Za-z0-9_.]{{0,{NAME_BYTES - 1}}}[(=\[]")
_STRING = r"""'(?:\\.|[^'\\])*(?:'|\\?\Z)|"(?:\\.|[^"\\])*(?:"|\\?\Z)"""
_OBJECT = re.compile(rf"({_STRING})|(?<=\.)<locals>\.|<([\w.]+): ({_STRING})>|<([\w.]+): [^<>]*>|<[^<>]*>", re.DOTALL)
"""A text, which stays; a place in a name; an enum of texts or of numbers; an object that says nothing literal."""
_MEMBER = re.compile(rf"({_STRING})|(?<=[^\s,([{{])\s+(?=[A-Za-z_]\w*=(?!=))", re.DOTALL)
"""A text, which stays; the blanks between two members that no comma parts."""
_BARE = re.compile(r"[A-Za-z_]\w*=(?!=)", re.ASCII)


def opens_object(text: str) -> bool:
    """Whether a text begins as an object does: ``Usage(``, ``usage.Usage(``, ``Page[int](``, ``input_tokens=``."""
    return _OPENS.match(text) is not None


def read_repr(text: str) -> Any:
    """What a repr tells; None where it is none."""
    written = text.strip()
    if _BARE.match(written):
        written = f"_({_MEMBER.sub(lambda found: found[1] or ', ', written)})"
    tree = _parsed(written)
    if tree is None and "<" in written:
        tree = _parsed(_OBJECT.sub(_spell, written))
    try:
        return None if tree is None else _evaluated(tree)
    except RecursionError:
        return None


def _spell(found: re.Match[str]) -> str:
    """An enum is the text that it stands for, or else its name."""
    if found[0] == "<locals>.":
        return ""
    return found[1] or found[3] or (f"'{found[4]}'" if found[4] else "None")


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _evaluated(node: ast.expr | None) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_evaluated(item) for item in items]
        case ast.Set(elts=items):
            return {item.value for item in items if isinstance(item, ast.Constant)}
        case ast.Dict(keys=keys, values=items):
            pairs = zip(keys, items, strict=True)
            return {key.value: _evaluated(item) for key, item in pairs if isinstance(key, ast.Constant)}
    return _object(node)


def _object(node: ast.expr | None) -> Any:
    match node:
        case ast.Call(args=[], keywords=members):
            return {member.arg: _evaluated(member.value) for member in members if member.arg}
        case ast.Call(args=[*_, wrapped], keywords=[]) as call:
            return _unwrapped(_evaluated(wrapped), len(call.args))
        case ast.Attribute(value=ast.Name(id=kind), attr=name):
            return f"{kind}.{name}"
    return None


def _unwrapped(value: Any, arguments: int) -> Any:
    """What an object of one value holds, or a dict with a maker of what it lacks (``defaultdict(int, {…})``)."""
    if isinstance(value, list) and value and all(isinstance(pair, list) and len(pair) == 2 for pair in value):  # noqa: PLR2004
        return {key: item for key, item in value if isinstance(key, str)}  # an OrderedDict before Python 3.12
    return value if arguments == 1 or isinstance(value, dict) else None
