"""The alias table as arrays: known keys and what they may fill, by place.

Keys of spans and keys of events share one list of *slots*; each slot has the aliases that a plain value fills (best
first) and those that lead into a structured value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.conventions.table import MANY, Alias, AliasTable
from processors.decode import refusals, values, verdicts
from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.mentions import KINDS
from processors.decode.wire.words import PADDING, hash_bytes, is_same

TEXT, FIRST, INTEGER, COUNT, REAL, BOOL, TIME, MESSAGE_TEXT, REFUSAL, PYTHON, WHO, ELAPSED = range(12)
"""What a field takes; REFUSAL: see ``decode.refusals``; PYTHON: only ``decode.walk`` knows."""
_KINDS = {"text": TEXT, "first": FIRST, "integer": INTEGER, "count": COUNT, "real": REAL, "bool": BOOL, "time": TIME}
_KINDS |= {"who": WHO, "elapsed": ELAPSED}

NO_SLOT = -1
_LOAD = 4
"""Places in the hash table per known key."""


class Keys(NamedTuple):
    """Arrays that the kernel looks keys up in; ``AT`` counts from where the known texts begin in the buffer."""

    table: NDArray[np.int32]  # hash -> slot of a span's key, NO_SLOT where empty
    slots: NDArray[np.int64]  # (slots + 1, 4): AT, SIZE, first of PLAIN, first of INNER; the last row ends the lists
    plain: NDArray[np.int64]  # (n, 4): ALIAS, FIELD, WANTED, QUOTED (text may be a JSON string)
    inner: NDArray[np.int64]  # (n, 3): ALIAS, FIELD, ABOUT (which words must be mentioned; -1: none; AS_TOLD)
    events: NDArray[np.int64]  # (events + 1, 6): AT, SIZE, first of its slots, first of TIMES, IS_OPEN (a beginning),
    # IS_APART (Python reads the event, and it alone)
    times: NDArray[np.int64]  # (n, 2): ALIAS, FIELD that the time of an event fills
    nobody: NDArray[np.int64]  # (n, 2): AT, SIZE of the words that are no name of anybody
    leads: NDArray[np.uint8]  # first byte of a text -> what the text may be, as bits
    fields: int
    text_bytes: int
    message_bytes: int


ODD_LEAD, NOBODY_LEAD, QUOTE_LEAD, NOBODY_NEXT = 1, 2, 4, 8
"""What a text that begins with a byte may be: none that stands as a name as it is; a word for nobody; a JSON string;
and by its second byte, a word for nobody."""
AT, SIZE, PLAIN, INNER = range(4)
ALIAS, FIELD, WANTED, QUOTED = range(4)
ABOUT = 2
AS_TOLD = -2
"""What a verdict is about that is the value itself: words need not look like a structure."""
SLOTS, TIMES, IS_OPEN, IS_APART = 2, 3, 4, 5


class _Slots:
    """Slots in the making."""

    def __init__(self, table: AliasTable) -> None:
        self.kinds = {field.name: _KINDS[field.kind] for field in table.fields}
        self.kinds["error_message"] = MESSAGE_TEXT
        self.kinds |= dict.fromkeys((*verdicts.READERS, *MANY), PYTHON) | {refusals.FIELD: REFUSAL}
        self.numbers = {field.name: number for number, field in enumerate(table.fields)}
        self.text = bytearray()
        self.at: list[int] = []
        self.size: list[int] = []
        self.plain: list[list[Alias]] = []
        self.inner: list[list[Alias]] = []

    def note(self, text: str) -> tuple[int, int]:
        """Put a text to the others."""
        at = len(self.text)
        self.text += text.encode()
        return at, len(self.text) - at

    def add(self, key: str, aliases: Sequence[Alias]) -> None:
        """One more slot."""
        at, size = self.note(key)
        self.at.append(at)
        self.size.append(size)
        whole = [alias for alias in aliases if not alias.path or alias.field in MANY]
        self.plain.append([alias for alias in whole if alias.field != verdicts.FIELD])
        self.inner.append([alias for alias in aliases if alias.path])
        self.inner[-1][:0] = [alias for alias in whole if alias.field == verdicts.FIELD]

    def kind(self, alias: Alias) -> int:
        """What the alias takes; factors and paths in events are left to the walk."""
        kind = self.kinds[alias.field]
        odd = (alias.factor != 1.0 and kind not in (REAL, ELAPSED)) or (alias.place == "event" and bool(alias.path))
        return PYTHON if odd else kind

    def is_apart(self, event: Mapping[str, Sequence[Alias]]) -> bool:
        """Whether an event tells what only Python reads, and nothing by its time, of which the earliest counts."""
        told = [alias for aliases in event.values() for alias in aliases]
        return "" not in event and any(self.kind(alias) == PYTHON for alias in told)


@cache
def keys_of(table: AliasTable) -> tuple[Keys, bytes]:
    """The arrays of a table, and the known texts one behind the other; made once for each."""
    slots = _Slots(table)
    for key, aliases in table.span.items():
        slots.add(key, aliases)
    span_slots = len(slots.at)
    events: list[tuple[int, ...]] = []
    times: list[tuple[int, ...]] = []
    for name, by_key in table.events.items():
        at = slots.note(name.removesuffix("*"))
        events.append((*at, len(slots.at), len(times), name.endswith(".*"), slots.is_apart(by_key)))
        times += [(alias.index, slots.numbers[alias.field]) for alias in by_key.get("", ())]
        for key, aliases in by_key.items():
            if key:
                slots.add(key, aliases)
    events.append((0, 0, len(slots.at), len(times), False, False))
    nobody = [slots.note(word) for word in sorted(values.NOBODY)]
    plain, inner = [a for one in slots.plain for a in one], [a for one in slots.inner for a in one]
    starts = [np.cumsum([0, *map(len, lists)]) for lists in (slots.plain, slots.inner)]
    lookup = np.full(1 << (span_slots * _LOAD - 1).bit_length(), NO_SLOT, np.int32)
    slot_rows = np.column_stack([[*slots.at, 0], [*slots.size, 0], *starts]).astype(np.int64)
    _fill_table(np.frombuffer(slots.text + bytes(PADDING), np.uint8), slot_rows[:span_slots], lookup)
    keys = Keys(
        table=lookup,
        slots=slot_rows,
        plain=_rows([(a.index, slots.numbers[a.field], slots.kind(a), a.unit == "json") for a in plain], 4),
        inner=_rows([(a.index, slots.numbers[a.field], _about(a)) for a in inner], 3),
        events=_rows(events, 6),
        times=_rows(times, 2),
        nobody=_rows(nobody, 2),
        leads=_leads(),
        fields=len(table.fields),
        text_bytes=values.TEXT_BYTES,
        message_bytes=values.MESSAGE_BYTES,
    )
    return keys, bytes(slots.text)


def _about(alias: Alias) -> int:
    """Which words must be mentioned where an alias of ``inner`` tells something."""
    if not alias.path:
        return AS_TOLD
    return next((number for number, (field, _) in enumerate(KINDS) if field == alias.field), -1)


def _leads() -> NDArray[np.uint8]:
    leads = np.zeros(256, np.uint8)
    leads[[*range(33), ord("{"), *range(128, 256)]] |= ODD_LEAD
    for word in values.NOBODY:
        leads[[lead for lead in range(256) if lead | 0x20 == word.encode()[0]]] |= NOBODY_LEAD
        leads[[byte for byte in range(256) if byte | 0x20 == (word + word).encode()[1] or len(word) == 1]] |= (
            NOBODY_NEXT
        )
    leads[ord('"')] |= QUOTE_LEAD
    return leads


def _rows(rows: Sequence[tuple[int, ...]], columns: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(len(rows), columns)


@compiled
def _fill_table(text: Any, slots: Any, table: Any) -> None:
    mask = np.uint64(len(table) - 1)
    for slot in range(len(slots)):
        place = hash_bytes(text, slots[slot, AT], slots[slot, SIZE]) & mask
        while table[place] != NO_SLOT:
            place = (place + np.uint64(1)) & mask
        table[place] = slot


@inlined
def find_slot(buffer: Any, at: int, size: int, keys: Any, base: int) -> int:
    """The slot of a span's key; the known texts stand at ``base`` of the buffer."""
    mask = np.uint64(len(keys.table) - 1)
    place = hash_bytes(buffer, at, size) & mask
    while True:
        slot = keys.table[place]
        if slot == NO_SLOT:
            return NO_SLOT
        if keys.slots[slot, SIZE] == size and is_same(buffer, at, base + keys.slots[slot, AT], size):
            return slot
        place = (place + np.uint64(1)) & mask
