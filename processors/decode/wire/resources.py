"""Resources and scopes by their bytes: what they say is read in Python, once for each pair of them in a range."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.words import PADDING, hash_bytes, is_equal

UNREAD, REFUSED = -2, -1
"""Instead of a template: nobody has read the pair yet; protobuf refuses it."""
_TEXT_AT, _RESOURCE, _SCOPE = range(3)


class Resources(NamedTuple):
    """Pairs of resource and scope; the number of a pair is the number of its template."""

    pairs: NDArray[np.int64]  # (room, 3): where the bytes stand in ``text``, size of the resource, size of the scope
    text: NDArray[np.uint8]
    table: NDArray[np.int32]  # hash -> pair, -1
    alias: NDArray[np.int64]  # (room, fields): what the template has filled
    base: NDArray[np.int64]  # of templates that have filled the same by the same: one number; REFUSED
    used: NDArray[np.int64]  # pairs, bytes of ``text``, the pair that was asked for last


def make_resources(room: int, text: int, fields: int) -> Resources:
    """An empty table."""
    return Resources(
        pairs=np.zeros((room, 3), np.int64),
        text=np.zeros(text + PADDING, np.uint8),
        table=np.full(1 << (4 * room - 1).bit_length(), -1, np.int32),
        alias=np.zeros((room, fields), np.int64),
        base=np.zeros(room, np.int64),
        used=np.zeros(3, np.int64),
    )


@inlined
def _is_pair(buffer: Any, group: Any, pair: int, known: Any) -> bool:
    resource, scope = group[1] - group[0], group[3] - group[2]
    if known.pairs[pair, _RESOURCE] != resource or known.pairs[pair, _SCOPE] != scope:
        return False
    at = known.pairs[pair, _TEXT_AT]
    return is_equal(buffer, group[0], known.text, at, resource) and is_equal(
        buffer, group[2], known.text, at + resource, scope
    )


@inlined
def _hash(buffer: Any, group: Any) -> Any:
    resource = hash_bytes(buffer, group[0], group[1] - group[0])
    return resource ^ (hash_bytes(buffer, group[2], group[3] - group[2]) >> np.uint64(1))


@compiled
def find_template(buffer: Any, group: Any, known: Any) -> int:
    """The template of a group: its resource is ``group[0]`` to ``group[1]`` of the buffer, its scope behind that."""
    last = known.used[2]
    if last < known.used[0] and _is_pair(buffer, group, last, known):
        return last if known.base[last] >= 0 else REFUSED
    mask = np.uint64(len(known.table) - 1)
    place = _hash(buffer, group) & mask
    while known.table[place] >= 0:
        pair = np.int64(known.table[place])
        if _is_pair(buffer, group, pair, known):
            known.used[2] = pair
            return pair if known.base[pair] >= 0 else REFUSED
        place = (place + np.uint64(1)) & mask
    return UNREAD


@compiled
def add_pair(buffer: Any, group: Any, known: Any) -> int:
    """One more pair, which must not stand there yet; -> its number; -1: no room."""
    pair, at = known.used[0], known.used[1]
    resource, scope = group[1] - group[0], group[3] - group[2]
    if pair == len(known.pairs) or at + resource + scope + PADDING > len(known.text):
        return -1
    for i in range(resource):
        known.text[at + i] = buffer[group[0] + i]
    for i in range(scope):
        known.text[at + resource + i] = buffer[group[2] + i]
    known.pairs[pair, _TEXT_AT], known.pairs[pair, _RESOURCE], known.pairs[pair, _SCOPE] = at, resource, scope
    known.used[0], known.used[1] = pair + 1, at + resource + scope
    mask = np.uint64(len(known.table) - 1)
    place = _hash(buffer, group) & mask
    while known.table[place] >= 0:
        place = (place + np.uint64(1)) & mask
    known.table[place] = pair
    return pair


def grow(known: Resources) -> Resources:
    """The same pairs with room for four times as many."""
    wider = make_resources(4 * len(known.pairs), 4 * len(known.text), known.alias.shape[1])
    count = int(known.used[0])
    for at, resource, scope in known.pairs[:count].tolist():
        add_pair(known.text, np.array([at, at + resource, at + resource, at + resource + scope, 0]), wider)
    wider.alias[:count], wider.base[:count] = known.alias[:count], known.base[:count]
    return wider
