"""What protobuf would say of a message that nobody reads further: a check by a table of its fields.

The table is made from the descriptors of ``opentelemetry-proto``, so it knows what the installed version knows. The
check is stricter than protobuf: it also refuses what is legal and never written (groups, a field with another wire type
than its own, singular messages told twice), because whatever is refused here takes the path through the protobuf
library, which decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processors.decode.wire.compiled import compiled, inlined
from processors.decode.wire.words import is_utf8, read_length, read_varint

VARINT, FIXED64, BYTES, STRING, FIXED32, MESSAGE = 0, 1, 2, 3, 5, 8
"""What a field is; the numbers below 3, and 5, are wire types; ``MESSAGE`` + n: the message in row n of the table."""
UNKNOWN = -1
REPEATED = 256
"""Added to what may stand several times."""
MOST_FIELDS = 32
MOST_DEEP = 24

_KINDS = {
    **dict.fromkeys(
        (FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_SFIXED64), FIXED64
    ),
    **dict.fromkeys((FieldDescriptor.TYPE_FIXED32, FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_SFIXED32), FIXED32),
    FieldDescriptor.TYPE_BYTES: BYTES,
    FieldDescriptor.TYPE_STRING: STRING,
}
_NO_SPLIT = frozenset({FieldDescriptor.TYPE_GROUP})


def _reachable(root: Descriptor) -> list[Descriptor]:
    found = [root]
    for one in found:
        found += [f.message_type for f in one.fields if f.message_type is not None and f.message_type not in found]
    return list(dict.fromkeys(found))


_MESSAGES = _reachable(ExportTraceServiceRequest.DESCRIPTOR)
ROW = {one.name: row for row, one in enumerate(_MESSAGES)}
"""Message name -> row of ``FIELDS``."""


def _table() -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    table = np.full((len(_MESSAGES), MOST_FIELDS), UNKNOWN, np.int16)
    for row, message in enumerate(_MESSAGES):
        for field in message.fields:
            if field.number >= MOST_FIELDS or field.type in _NO_SPLIT:
                raise ValueError(f"{message.full_name}.{field.name} is beyond what the kernel checks")
            kind = MESSAGE + ROW[field.message_type.name] if field.message_type else _KINDS.get(field.type, VARINT)
            table[row, field.number] = kind + (REPEATED if field.is_repeated else 0)
    return table


FIELDS = _table()
"""(message, field number) -> what stands there."""


@inlined
def skip_field(buffer: Any, at: int, end: int, wire: int) -> int:
    """Where the next field begins; -1 where this one does not end in time, or is a group."""
    if wire == 0:
        _, after = read_varint(buffer, at, end)
        return after
    if wire == 1:
        return at + 8 if at + 8 <= end else -1
    if wire == 5:
        return at + 4 if at + 4 <= end else -1
    if wire == 2:
        after, _ = read_length(buffer, at, end)
        return after
    return -1


_MOST_TAG = 5
"""Bytes of a tag; protobuf refuses a longer one, whatever its number."""


@inlined
def read_tag(buffer: Any, at: int, end: int) -> Any:
    """Field number, wire type and where the field's value begins; -1 where there is no such thing."""
    if buffer[at] < 0x80:
        tag = np.int64(buffer[at])
        at += 1
    else:
        number, after = read_varint(buffer, at, end)
        if after < 0 or after - at > _MOST_TAG or number > np.uint64(0xFFFFFFFF):
            return np.int64(0), np.int64(0), np.int64(-1)
        tag, at = np.int64(number), after
    if tag < 8:  # field 0
        return np.int64(0), np.int64(0), np.int64(-1)
    return tag >> 3, tag & 7, np.int64(at)


@compiled
def is_sound(buffer: Any, at: int, end: int, row: int, fields: Any, stack: Any) -> bool:
    """Whether a stretch is a message of one kind, down to its last string.

    ``stack``: (``MOST_DEEP``, 3) numbers to work in; what is nested deeper is not sound.
    """
    deep = 0
    seen = 0
    while True:
        if at == end:
            if deep == 0:
                return True
            deep -= 1
            end, row, seen = stack[deep, 0], stack[deep, 1], stack[deep, 2]
            continue
        field, wire, at = read_tag(buffer, at, end)
        if at < 0:
            return False
        kind = fields[row, field] if field < MOST_FIELDS else UNKNOWN
        if kind == UNKNOWN:
            at = skip_field(buffer, at, end, wire)
            if at < 0:
                return False
            continue
        if kind >= REPEATED:
            kind -= REPEATED
        elif seen >> field & 1:
            return False
        else:
            seen |= 1 << field
        if kind in (VARINT, FIXED64, FIXED32):
            if wire != kind:
                return False
            at = skip_field(buffer, at, end, wire)
            if at < 0:
                return False
            continue
        if wire != 2:
            return False
        stop, begin = read_length(buffer, at, end)
        if stop < 0 or (kind == STRING and not is_utf8(buffer, begin, stop)):
            return False
        at = stop
        if kind >= MESSAGE:
            if deep == MOST_DEEP:
                return False
            stack[deep, 0], stack[deep, 1], stack[deep, 2] = end, row, seen
            deep += 1
            at, end, row, seen = begin, stop, kind - MESSAGE, 0
