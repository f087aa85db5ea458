"""Where things stand in a message: groups (one resource, one scope) and spans, without a look into any span."""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.compiled import compiled
from processors.decode.wire.messages import read_tag, skip_field
from processors.decode.wire.words import is_utf8, read_length

GROUP_COLUMNS = 5  # resource begin and end, scope begin and end, and its template
SPAN_COLUMNS = 3  # group, begin, end
ODD, NO_ROOM = -1, -2


@compiled
def find_spans(buffer: Any, end: int, groups: Any, spans: Any) -> Any:
    """Fill ``groups`` and ``spans`` with what one message holds that stands at the beginning of the buffer.

    -> how many there are; (``ODD``, 0): a message for the protobuf library; (``NO_ROOM``, 0).
    """
    group_count, span_count = 0, 0
    at = 0
    while at < end:
        field, wire, at = read_tag(buffer, at, end)
        if at < 0:
            return ODD, 0
        if field != 1:
            at = skip_field(buffer, at, end, wire)
            if at < 0:
                return ODD, 0
            continue
        if wire != 2:
            return ODD, 0
        stop, begin = read_length(buffer, at, end)
        if stop < 0:
            return ODD, 0
        group_count, span_count = _resource_spans(buffer, begin, stop, groups, spans, group_count, span_count)
        if group_count < 0:
            return group_count, 0
        at = stop
    return group_count, span_count


@compiled
def _resource_spans(buffer: Any, at: int, end: int, groups: Any, spans: Any, group_count: int, span_count: int) -> Any:
    """-> counts after one ResourceSpans; (``ODD``, 0), (``NO_ROOM``, 0): see above."""
    first = group_count
    resource_begin, resource_end = np.int64(0), np.int64(-1)
    schema_seen = False
    while at < end:
        field, wire, at = read_tag(buffer, at, end)
        if at < 0:
            return ODD, 0
        if field > 3:
            at = skip_field(buffer, at, end, wire)
            if at < 0:
                return ODD, 0
            continue
        if wire != 2:
            return ODD, 0
        stop, begin = read_length(buffer, at, end)
        if stop < 0:
            return ODD, 0
        if field == 1:
            if resource_end >= 0:
                return ODD, 0
            resource_begin, resource_end = begin, stop
        elif field == 2:
            if group_count == len(groups):
                return NO_ROOM, 0
            span_count = _scope_spans(buffer, begin, stop, groups, spans, group_count, span_count)
            if span_count < 0:
                return span_count, 0
            group_count += 1
        else:
            if schema_seen or not is_utf8(buffer, begin, stop):
                return ODD, 0
            schema_seen = True
        at = stop
    if group_count == first:
        return ODD, 0  # nobody would look into its resource
    for group in range(first, group_count):
        groups[group, 0] = resource_begin
        groups[group, 1] = max(resource_end, resource_begin)
    return group_count, span_count


@compiled
def _scope_spans(buffer: Any, at: int, end: int, groups: Any, spans: Any, group: int, span_count: int) -> int:
    """-> how many spans there are after one ScopeSpans; ``ODD`` and ``NO_ROOM`` as above."""
    scope_begin, scope_end = np.int64(0), np.int64(-1)
    first = span_count
    schema_seen = False
    while at < end:
        field, wire, at = read_tag(buffer, at, end)
        if at < 0:
            return ODD
        if field > 3:
            at = skip_field(buffer, at, end, wire)
            if at < 0:
                return ODD
            continue
        if wire != 2:
            return ODD
        stop, begin = read_length(buffer, at, end)
        if stop < 0:
            return ODD
        if field == 1:
            if scope_end >= 0:
                return ODD
            scope_begin, scope_end = begin, stop
        elif field == 2:
            if span_count == len(spans):
                return NO_ROOM
            spans[span_count, 0], spans[span_count, 1], spans[span_count, 2] = group, begin, stop
            span_count += 1
        else:
            if schema_seen or not is_utf8(buffer, begin, stop):
                return ODD
            schema_seen = True
        at = stop
    if span_count == first:
        return ODD
    groups[group, 2] = scope_begin
    groups[group, 3] = max(scope_end, scope_begin)
    return span_count


@compiled
def count_spans(buffer: Any, end: int) -> int:
    """How many spans one payload holds that ends at ``end``, without a look into any; -1: for the protobuf library."""
    count = 0
    at = 0
    while at < end:
        field, wire, at = read_tag(buffer, at, end)
        if at < 0 or wire != 2:
            return -1
        stop, inside = read_length(buffer, at, end)
        if stop < 0:
            return -1
        while field == 1 and inside < stop:
            field_2, wire, inside = read_tag(buffer, inside, stop)
            if inside < 0 or wire != 2:
                return -1
            scope_stop, spans = read_length(buffer, inside, stop)
            if scope_stop < 0:
                return -1
            while field_2 == 2 and spans < scope_stop:
                field_3, wire, spans = read_tag(buffer, spans, scope_stop)
                if spans < 0 or wire != 2:
                    return -1
                spans, _ = read_length(buffer, spans, scope_stop)
                if spans < 0:
                    return -1
                count += field_3 == 2
            inside = scope_stop
        at = stop
    return count
