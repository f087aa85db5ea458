"""What is made of a span of a known shape: for every field the attribute that fills it, if its value can be used.

A field takes the best alias whose value can be used. So where the best one's can, nobody need look at the others; where
it cannot, or only Python could tell, the span is read attribute by attribute, as one whose shape is not known.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.cells import MISSING
from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.keys import (
    ABOUT,
    ALIAS,
    AS_TOLD,
    BOOL,
    COUNT,
    ELAPSED,
    FIELD,
    FIRST,
    INNER,
    INTEGER,
    MESSAGE_TEXT,
    PLAIN,
    PYTHON,
    QUOTED,
    REAL,
    REFUSAL,
    TEXT,
    WANTED,
    WHO,
)
from processors.decode.wire.mentions import REFUSALS
from processors.decode.wire.shapes import (
    ABOVE,
    BASE,
    DEPTH,
    END_OP,
    FIRST_OP,
    MOST_ATTRIBUTES,
    NEVER,
    NEXT_PLAN,
    OPS,
    PLAN,
    PLANS,
    SLOT,
    TAG,
)
from processors.decode.wire.values import ARRAY, BOOLEAN, DOUBLE, MAP, STRING, WHOLE

WHAT, TARGET, PLACE, WANT, KIND = range(5)
"""Of an op: what to do, the field (of ``STRUCTURE``: the slot), which attribute, what is wanted of it, what it is.
``REFUSED`` and ``STRUCTURE`` want one of the words of ``mentions``, as bits; or see below."""
AS_IT_IS, FINITE, TEXT_OP, OTHER, REFUSED, STRUCTURE = range(6)
ANYHOW, NOTED, WORDS_TOO = 0, -1, -2
"""Of a structure: it is worth a look whatever it mentions; ``REFUSED`` has noted whether it mentions something; it is
worth one even where it is none."""
QUOTED_TOO = 16
"""Added to what an op wants: where text begins with a quotation mark, Python must look."""

_NO, _MAY, _PYTHON = range(3)


@compiled
def _use(wanted: int, kind: int) -> int:
    """Whether a field can use what is of a kind: no; if the value is fit; only Python can tell."""
    if wanted == PYTHON:
        return _PYTHON
    if wanted == REFUSAL:
        return _PYTHON if kind in (ARRAY, MAP) else _NO
    if wanted in (TEXT, FIRST, WHO):
        if kind in (DOUBLE, BOOLEAN, WHOLE):
            return _PYTHON  # it must be written as text
        return _MAY if kind == STRING or (wanted == FIRST and kind == ARRAY) else _NO
    if wanted == MESSAGE_TEXT:
        return _MAY if kind == STRING else _NO
    if kind == WHOLE:
        return _MAY
    if kind == STRING:
        return _MAY if wanted in (INTEGER, COUNT) else _PYTHON
    if kind == DOUBLE:
        return _MAY if wanted in (REAL, ELAPSED) else (_PYTHON if wanted in (INTEGER, COUNT, BOOL) else _NO)
    return _MAY if kind == BOOLEAN and wanted == BOOL else _NO


@compiled
def _what(wanted: int, kind: int) -> int:
    if wanted in (TEXT, WHO) and kind == STRING:
        return TEXT_OP
    if wanted in (INTEGER, COUNT) and kind == WHOLE:
        return AS_IT_IS
    return FINITE if wanted in (REAL, ELAPSED) and kind == DOUBLE else OTHER


@compiled
def _choose(node: int, keys: Any, base_alias: Any, shapes: Any) -> bool:
    """Of every field the best alias that may fill it, into ``shapes.best``; False: there can be no plan."""
    nodes, best = shapes.nodes, shapes.best
    for field in range(len(best)):
        best[field, 0], best[field, 1] = base_alias[field], -1
    one = np.int64(node)
    while one > 0:
        slot, kind, place = np.int64(nodes[one, SLOT]), nodes[one, TAG] >> 3, nodes[one, DEPTH] - 1
        other = np.int64(nodes[one, ABOVE])
        while slot >= 0 and other > 0:
            if nodes[other, SLOT] == slot:
                return False  # the same key twice
            other = np.int64(nodes[other, ABOVE])
        if slot >= 0:
            for i in range(keys.slots[slot, PLAIN], keys.slots[slot + 1, PLAIN]):
                alias, field, wanted = keys.plain[i, ALIAS], keys.plain[i, FIELD], keys.plain[i, WANTED]
                use = _use(wanted, kind)
                if use != _NO and alias <= best[field, 0]:
                    best[field, 0], best[field, 1] = alias, place if use == _MAY else NEVER
                    best[field, 2], best[field, 3] = wanted + QUOTED_TOO * (keys.plain[i, QUOTED] != 0), kind
        one = np.int64(nodes[one, ABOVE])
    never = False
    for field in range(len(best)):
        never |= best[field, 1] == NEVER
    return not never


@compiled
def _note(what: int, target: int, place: int, want: int, kind: int, shapes: Any) -> None:
    op = shapes.used[OPS]
    shapes.ops[op, WHAT], shapes.ops[op, TARGET], shapes.ops[op, PLACE] = what, target, place
    shapes.ops[op, WANT], shapes.ops[op, KIND] = want, kind
    shapes.used[OPS] = op + 1


@compiled
def _refused(slot: int, keys: Any, base_alias: Any) -> int:
    """The field that a mention of a refusal fills; -1: none."""
    for i in range(keys.slots[slot, PLAIN], keys.slots[slot + 1, PLAIN]):
        field = keys.plain[i, FIELD]
        if keys.plain[i, WANTED] == REFUSAL and keys.plain[i, ALIAS] <= base_alias[field]:
            return field
    return -1


@compiled
def _worth(slot: int, kind: int, keys: Any, best: Any) -> int:
    """What a structure must mention, as bits, to tell something better, ``ANYHOW`` or ``WORDS_TOO``; -1: never."""
    about = -1
    for i in range(keys.slots[slot, INNER], keys.slots[slot + 1, INNER]):
        if keys.inner[i, ABOUT] == AS_TOLD:
            return WORDS_TOO
        if keys.inner[i, ABOUT] >= 0 and kind == STRING:
            about = max(about, 0) | 1 << keys.inner[i, ABOUT]
        elif keys.inner[i, ALIAS] <= best[keys.inner[i, FIELD], 0]:
            return ANYHOW
    return about


@compiled
def _note_structures(node: int, keys: Any, base_alias: Any, shapes: Any) -> None:
    """Ops for texts that may mention a refusal, then, when no row can fail any more, for structures."""
    nodes = shapes.nodes
    for what in (REFUSED, STRUCTURE):
        one = np.int64(node)
        while one > 0:
            slot, kind, place = np.int64(nodes[one, SLOT]), nodes[one, TAG] >> 3, nodes[one, DEPTH] - 1
            one = np.int64(nodes[one, ABOVE])
            if slot < 0 or kind not in (STRING, ARRAY, MAP):
                continue
            refused = _refused(slot, keys, base_alias) if kind == STRING else -1
            worth = _worth(slot, kind, keys, shapes.best)
            if what == REFUSED and refused >= 0:
                _note(REFUSED, refused, place, max(worth, 0) | 1 << REFUSALS, kind, shapes)
            if what == STRUCTURE and worth != -1:
                _note(STRUCTURE, slot, place, NOTED if refused >= 0 and worth > ANYHOW else worth, kind, shapes)


@compiled
def _make(node: int, base: int, base_alias: Any, keys: Any, shapes: Any) -> int:
    plans, used, best = shapes.plans, shapes.used, shapes.best
    plan = used[PLANS]
    if plan == len(plans) or used[OPS] + len(best) + 2 * MOST_ATTRIBUTES > len(shapes.ops):
        return NEVER
    plans[plan, BASE], plans[plan, FIRST_OP], plans[plan, NEXT_PLAN] = base, NEVER, shapes.nodes[node, PLAN]
    shapes.nodes[node, PLAN] = plan
    used[PLANS] = plan + 1
    if not _choose(node, keys, base_alias, shapes):
        return NEVER
    plans[plan, FIRST_OP] = used[OPS]
    for field in range(len(best)):
        shapes.alias[field, plan] = MISSING
        if best[field, 1] >= 0:
            want, kind = best[field, 2], best[field, 3]
            shapes.alias[field, plan] = best[field, 0]
            _note(_what(want % QUOTED_TOO, kind), field, best[field, 1], want, kind, shapes)
    _note_structures(node, keys, base_alias, shapes)
    plans[plan, END_OP] = used[OPS]
    return plan


@inlined
def plan_of(node: int, base: int, base_alias: Any, keys: Any, shapes: Any) -> int:
    """The plan of a shape below a resource and scope that have filled what ``base_alias`` says; ``NEVER``: none."""
    nodes, plans = shapes.nodes, shapes.plans
    plan = np.int64(nodes[node, PLAN])
    while plan >= 0 and plans[plan, BASE] != base:
        plan = plans[plan, NEXT_PLAN]
    if plan < 0:
        return _make(node, base, base_alias, keys, shapes)
    return plan if plans[plan, FIRST_OP] >= 0 else NEVER
