"""What resource and scope say, once for each pair of them: read by ``processors.decode.walk``, kept between flushes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
from processors.decode.wire.words import PADDING

MOST_KEPT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A resource and a scope, read; ``scope_spans`` holds the scope alone."""

    found: Found
    scope_spans: ScopeSpans
    alias: NDArray[np.int64]  # by field; NO_ALIAS


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Templates as arrays: (template, field) -> alias, ``NO_ALIAS`` where there is none, and the words of its value."""

    alias: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    texts: NDArray[np.uint8]  # where texts begin
    is_told: NDArray[np.bool_]  # field -> whether a template has it

    def words(self) -> tuple[NDArray[np.int64], ...]:
        """The three of them."""
        return self.alias, self.first, self.second


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
        found = self._walk.shared(read.attributes, scope_spans.scope)
        alias = np.full(len(self._numbers), NO_ALIAS, np.int64)
        for name, (one, _) in found.items():
            alias[self._numbers[name]] = one
        return Template(found=found, scope_spans=scope_spans, alias=alias)

    def place(self, templates: Sequence[Template]) -> Placed:
        """Templates as arrays."""
        shape = (max(len(templates), 1), len(self._numbers))
        alias, first, second = np.full(shape, NO_ALIAS, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        text = bytearray()
        for row, template in enumerate(templates):
            alias[row] = template.alias
            for name, (_, value) in template.found.items():
                place = (row, self._numbers[name])
                first[place], second[place] = self._words(name, value, text)
        text += bytes(PADDING)
        is_told = (alias != NO_ALIAS).any(axis=0)
        return Placed(alias=alias, first=first, second=second, texts=np.frombuffer(text, np.uint8), is_told=is_told)

    def _words(self, name: str, value: Any, text: bytearray) -> tuple[int, int]:
        if isinstance(value, str):
            written = value.encode()
            text += written
            return len(text) - len(written), len(written)
        if self._kinds[name] in REALS:
            return int(np.float64(value).view(np.int64)), 0
        return int(np.uint64(value).view(np.int64)) if value > 0 else int(value), 0
