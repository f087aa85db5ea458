"""Shapes of spans, learnt on the way: instrumentations are loops, so keys and kinds of values come in the same order.

A shape is a path in a tree: each node is an attribute (a key, and what its value is) that came behind the one above it.
What a span of a shape tells is settled by its shape, so it is settled once: see ``plans``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.decode.wire.attributes import read_pair
from processors.decode.wire.cells import MISSING
from processors.decode.wire.compiled import compiled
from processors.decode.wire.keys import find_slot
from processors.decode.wire.messages import read_tag, skip_field
from processors.decode.wire.words import PADDING, is_equal, load64, read_length

MOST_NODES = 1 << 12
MOST_PLANS = 1 << 9
MOST_OPS = 1 << 14
MOST_ATTRIBUTES = 64
"""Of a shape; a span with more has none."""
MOST_NEXT = 16
"""Attributes that may follow an attribute; beyond them the order is thought to be no order."""
_MOST_KEY = 127
"""Bytes of a key: the length of a longer one takes two bytes."""
_TEXT_BYTES = MOST_NODES * 32
_BRIM = 0.75
"""Share of the room from which on everything is forgotten and learnt anew."""

KEY_AT, RUN, TAG, NEXT, BESIDE, ABOVE, SLOT, PLAN, DEPTH = range(9)
"""Of a node: its key with tags before and behind in ``text``, their size; the value's tag; the first node behind it;
the next one behind the same; the one it stands behind; slot; its first plan; attributes so far."""
NODES, TEXT_USED, PLANS, OPS = range(4)
"""Of ``used``."""
BASE, FIRST_OP, END_OP, NEXT_PLAN = range(4)
"""Of a plan: for which base (what resource and scope have filled), its ops (``NEVER``: there can be
no plan), the next plan of the node."""
NOT_YET, NEVER = -1, -2
"""Instead of a plan: none has been made; none can be."""
UNKNOWN, ODD = -1, -2
"""Instead of a node: a shape that may be learnt; a span that has none."""


class Shapes(NamedTuple):
    """The tree and the plans; kept from range to range."""

    nodes: NDArray[np.int32]  # (MOST_NODES, 16), by the numbers above; the root is 0
    text: NDArray[np.uint8]  # keys as they stand on the wire
    plans: NDArray[np.int64]  # (MOST_PLANS, 4)
    ops: NDArray[np.int64]  # (MOST_OPS, 5), see ``plans``
    alias: NDArray[np.int16]  # (fields, MOST_PLANS): which alias tells a field, MISSING: none
    best: NDArray[np.int64]  # (fields, 4) to work in
    used: NDArray[np.int64]  # by the numbers above


def make_shapes(fields: int) -> Shapes:
    """An empty tree."""
    shapes = Shapes(
        nodes=np.zeros((MOST_NODES, 16), np.int32),
        text=np.zeros(_TEXT_BYTES + PADDING, np.uint8),
        plans=np.zeros((MOST_PLANS, 4), np.int64),
        ops=np.zeros((MOST_OPS, 5), np.int64),
        alias=np.full((fields, MOST_PLANS), MISSING, np.int16),
        best=np.zeros((fields, 4), np.int64),
        used=np.zeros(4, np.int64),
    )
    forget(shapes)
    return shapes


def forget(shapes: Shapes) -> None:
    """Back to the root alone."""
    shapes.nodes[0] = 0
    shapes.nodes[0, PLAN] = NOT_YET
    shapes.used[:] = (1, 0, 0, 0)


def is_full(shapes: Shapes) -> bool:
    """Whether little can be learnt any more."""
    room = (len(shapes.nodes), len(shapes.text), len(shapes.plans), len(shapes.ops))
    return any(used > most * _BRIM for used, most in zip(shapes.used.tolist(), room, strict=True))


@compiled
def _behind(buffer: Any, node: int, at: int, size: int, tag: int, keys: Any, base: int, shapes: Any) -> int:
    """The node of an attribute behind another one, made where there is none; -1: no room."""
    nodes, text, used = shapes.nodes, shapes.text, shapes.used
    child, beside = np.int64(nodes[node, NEXT]), 0
    while child > 0:
        if (
            nodes[child, TAG] == tag
            and nodes[child, RUN] == size + 3
            and is_equal(buffer, at, text, nodes[child, KEY_AT] + 2, size)
        ):
            return child
        beside += 1
        child = np.int64(nodes[child, BESIDE])
    child, key_at = used[NODES], used[TEXT_USED]
    if (
        child == len(nodes)
        or key_at + size + 3 + PADDING + 8 > len(text)
        or nodes[node, DEPTH] == MOST_ATTRIBUTES
        or beside == MOST_NEXT
    ):
        return -1
    text[key_at], text[key_at + 1] = 0x0A, size
    for i in range(size):
        text[key_at + 2 + i] = buffer[at + i]
    text[key_at + 2 + size] = 0x12
    used[TEXT_USED], used[NODES] = key_at + size + 3, child + 1
    nodes[child, KEY_AT], nodes[child, RUN], nodes[child, TAG] = key_at, size + 3, tag
    nodes[child, NEXT], nodes[child, BESIDE], nodes[child, ABOVE] = 0, nodes[node, NEXT], node
    nodes[child, SLOT] = find_slot(buffer, at, size, keys, base)
    nodes[child, PLAN], nodes[child, DEPTH] = NOT_YET, nodes[node, DEPTH] + 1
    nodes[node, NEXT] = child
    return child


@compiled
def learn(buffer: Any, at: int, end: int, keys: Any, base: int, shapes: Any) -> None:
    """Note the shape of a span that has been read and found sound."""
    node = 0
    while at < end and node >= 0:
        field, wire, at = read_tag(buffer, at, end)
        begin = at
        at = skip_field(buffer, at, end, wire)
        if field != 9:
            continue
        stop, inside = read_length(buffer, begin, end)
        key_begin, key_end, value_begin, value_end = read_pair(buffer, inside, stop)
        if key_end - key_begin > _MOST_KEY or value_begin == value_end or load64(buffer, value_begin) & np.uint64(128):
            return
        node = _behind(buffer, node, key_begin, key_end - key_begin, buffer[value_begin], keys, base, shapes)
