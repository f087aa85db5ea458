"""What resource and scope say, once for each pair of them: read by ``processors.decode.walk``, kept between flushes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from processors.conventions.table import AliasTable
from processors.decode.columns import Found
from processors.decode.decoded import REALS
from processors.decode.walk import Walk
from processors.decode.wire.scratch import NO_ALIAS

MOST_KEPT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A resource and a scope, read; ``scope_spans`` holds the scope alone."""

    found: Found
    scope_spans: ScopeSpans


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Templates as arrays: (template, field) -> alias, ``NO_ALIAS`` where there is none, and the words of its value."""

    alias: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    def words(self) -> tuple[NDArray[np.int64], ...]:
        """The three of them."""
        return self.alias, self.first, self.second


class Resources(NamedTuple):
    """What the kernel needs of templates."""

    of_group: NDArray[np.int64]  # group -> template; -1: protobuf refuses it
    alias: NDArray[np.int64]  # (templates, fields): what they have filled
    base: NDArray[np.int64]  # template -> a number; templates that have filled the same by the same have the same one


class Templates:
    """Reads pairs of resource and scope and keeps the last ones."""

    def __init__(self, table: AliasTable) -> None:
        self._walk = Walk(table)
        self._kinds = {field.name: field.kind for field in table.fields}
        self._numbers = {field.name: number for number, field in enumerate(table.fields)}
        self._kept: OrderedDict[tuple[bytes, bytes], Template | None] = OrderedDict()

    def read(self, resource: bytes, scope: bytes) -> Template | None:
        """The template of a pair; None where protobuf refuses either."""
        pair = (resource, scope)
        if pair not in self._kept:
            self._kept[pair] = self._read(resource, scope)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return self._kept[pair]

    def _read(self, resource: bytes, scope: bytes) -> Template | None:
        try:
            read, scope_spans = Resource.FromString(resource), ScopeSpans(scope=InstrumentationScope.FromString(scope))
        except DecodeError:
            return None
        return Template(found=self._walk.shared(read.attributes, scope_spans.scope), scope_spans=scope_spans)

    def place(self, templates: Sequence[Template], text_at: int) -> tuple[Placed, bytes]:
        """Templates as arrays; their texts come as bytes that will stand at ``text_at`` of the buffer."""
        shape = (max(len(templates), 1), len(self._numbers))
        placed = Placed(
            alias=np.full(shape, NO_ALIAS, np.int64), first=np.zeros(shape, np.int64), second=np.zeros(shape, np.int64)
        )
        text = bytearray()
        for row, template in enumerate(templates):
            for name, (alias, value) in template.found.items():
                place = (row, self._numbers[name])
                placed.alias[place] = alias
                placed.first[place], placed.second[place] = self._words(name, value, text_at, text)
        return placed, bytes(text)

    def _words(self, name: str, value: Any, text_at: int, text: bytearray) -> tuple[int, int]:
        if isinstance(value, str):
            written = value.encode()
            text += written
            return text_at + len(text) - len(written), len(written)
        if self._kinds[name] in REALS:
            return int(np.float64(value).view(np.int64)), 0
        return int(np.uint64(value).view(np.int64)) if value > 0 else int(value), 0
