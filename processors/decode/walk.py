"""The walk over protobuf messages: spans to columns, by one look into the alias table per attribute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from processors.conventions.rules import words
from processors.conventions.table import MANY, Alias, AliasTable, Keys
from processors.decode import content, values, verdicts
from processors.decode.columns import Columns, Found
from processors.decode.decoded import MESSAGES, Decoded
from processors.decode.otlp_json import parse_json
from processors.decode.paths import Paths
from processors.decode.payload import BadPayload, Payload, is_json, parse_protobuf, strip_mark
from processors.messages import DeadLetter, Drop, Message

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
UNTOLD = ("result", "outcome", "score")
"""Last words of event names that do not say what was judged."""
NO_ALIAS = -1


def decode(messages: Sequence[Message], table: AliasTable) -> Decoded:
    """Columns of all spans of a range of messages; ``DeadLetter.index`` counts within ``messages``."""
    walk = Walk(table)
    dead = take_each(messages, lambda index, message: walk.message(index, parse(message)), "no spans")
    return walk.columns.finish(
        messages=message_table(messages),
        dead=dead,
        dropped=walk.dropped,
    )


def take_each(messages: Sequence[Message], take: Callable[[int, Message], int], nothing: str) -> tuple[DeadLetter, ...]:
    """Take every message; those that cannot be read, or in which ``take`` sees nothing, are dead letters."""
    dead: list[DeadLetter] = []
    for index, message in enumerate(messages):
        try:
            seen = take(index, message)
        except BadPayload as error:
            dead.append(DeadLetter(index=index, reason=Drop.BAD_PAYLOAD, detail=str(error)))
            continue
        if seen == 0:
            dead.append(DeadLetter(index=index, reason=Drop.EMPTY, detail=nothing))
    return tuple(dead)


def parse(message: Message) -> Payload:
    """One message as protobuf objects; raises BadPayload."""
    if is_json(message.value, message.content_type):
        return parse_json(strip_mark(message.value))
    return parse_protobuf(message.value)


def message_table(messages: Sequence[Message]) -> pa.Table:
    """The messages of a range as columns: ``MESSAGES``."""
    columns: list[list[Any]] = [
        [one.topic for one in messages],
        [one.partition for one in messages],
        [one.offset for one in messages],
        [one.received_at_us for one in messages],
        [one.tenant for one in messages],
        [one.tenants for one in messages],
        [one.principal for one in messages],
    ]  # no tuple for each message: they would have Python's collector walk over all that waits
    return pa.table([pa.array(told, field.type) for told, field in zip(columns, MESSAGES, strict=True)], MESSAGES)


@cache
def _pointers(table: AliasTable) -> Mapping[str, tuple[Alias, ...]]:
    return {key[1:]: aliases for key, aliases in table.span.items() if key.startswith("@")}


@cache
def _converters(table: AliasTable) -> Mapping[str, Callable[[Any], Any]]:
    return {
        field.name: verdicts.READERS.get(field.name)
        or values.CONVERTERS["message" if field.name == "error_message" else field.kind]
        for field in table.fields
    }


@cache
def _known_paths(_: AliasTable) -> dict[int, Paths]:
    """Of aliases that stand in the table, by their place in memory; filled as they are asked for."""
    return {}


class Walk:
    """Fills columns message by message."""

    def __init__(self, table: AliasTable) -> None:
        self.table = table
        self.columns = Columns(table)
        self.dropped: Counter[tuple[int, str]] = Counter()
        self._pointers, self._converters = _pointers(table), _converters(table)
        self._paths = _known_paths(table)

    def message(self, index: int, payload: Payload) -> int:
        """Take all spans of one message; -> how many were seen, bad ones included."""
        seen = payload.bad_spans
        if seen:
            self.dropped[index, Drop.BAD_SPAN.value] += seen
        for resource_spans in payload.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                shared = self.shared(resource_spans.resource.attributes, scope_spans.scope)
                for span in scope_spans.spans:
                    self.span(index, seen, span, scope_spans, dict(shared))
                    seen += 1
        return seen

    def shared(self, resource: Iterable[Any], scope: InstrumentationScope) -> Found:
        """What resource and scope tell of all their spans."""
        found: Found = {}
        self._look_up(resource, self.table.resource, found)
        self._look_up(scope.attributes, self.table.scope, found)
        return found

    def inside(self, paths: Paths, value: Any) -> Found:
        """What verdicts and aliases with paths find in a value."""
        found: Found = {}
        for alias in paths.whole:
            self._offer(alias, value, found, None)
        for alias, member in paths.find(value, paths.silent(value)):
            self._offer(alias, member, found, None)
        return found

    def span(self, index: int, position: int, span: Span, scope_spans: ScopeSpans, found: Found) -> None:
        """Take one span; ``found``: what is shared, which this fills up."""
        if not (is_valid(span.trace_id, TRACE_ID_BYTES) and is_valid(span.span_id, SPAN_ID_BYTES)):
            self.dropped[index, Drop.BAD_SPAN.value] += 1
            return
        groups: dict[str, Found] = {}
        self._look_up(span.attributes, self.table.span, found, groups)
        if groups:
            self._follow_names(span.attributes, groups)
        evaluations: list[tuple[int | None, Found]] = [(None, group) for group in _named(groups)]
        for event in span.events:
            if keys := self.table.event_keys(event.name):
                evaluations += [(event.time_unix_nano or None, group) for group in self.event(event, keys, found)]
        if self.table.scan_pii and (personal := content.scan(span)) is not None:
            found[content.FIELD] = (content.NO_ALIAS, personal)
        scope = scope_spans.scope
        self.columns.add(
            structure=(
                index,
                position,
                span.trace_id,
                span.span_id,
                span.parent_span_id if is_valid(span.parent_span_id, SPAN_ID_BYTES) else None,
                span.name,
                span.kind if 0 <= span.kind <= Span.SPAN_KIND_CONSUMER else 0,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                span.status.code if 0 <= span.status.code <= 2 else 0,  # noqa: PLR2004  # unset, ok, error
                values.to_message(span.status.message) if span.status.code == 2 else None,  # noqa: PLR2004  # error
                scope.name or None,
                scope.version or None,
            ),
            found=found,
            evaluations=evaluations,
        )

    def event(self, event: Span.Event, keys: Keys, found: Found) -> list[Found]:
        """The evaluations that an event tells; ``found``: what its span tells, which this fills up."""
        own: dict[str, Found] = {}
        self._look_up(event.attributes, keys, found, own)
        name_by_event(own, event.name)
        for alias in keys.get("", ()):
            _keep_first_time(found, alias, event.time_unix_nano)
        return [group for group in own.values() if group]

    def _follow_names(self, attributes: Iterable[Any], groups: dict[str, Found]) -> None:
        """Aliases ``@KEY``: their value stands under the key that the attribute KEY names (logfire's feedback)."""
        for key, aliases in self._pointers.items():
            name = next((values.to_text(values.plain(a.value)) for a in attributes if a.key == key), None)
            pointed = [a.value for a in attributes if a.key == name]
            for alias in aliases if pointed else ():
                self._offer(alias, values.plain(pointed[-1]), {}, groups)

    def _look_up(
        self, attributes: Iterable[Any], keys: Keys, found: Found, groups: dict[str, Found] | None = None
    ) -> None:
        """Direct aliases first; structured values are parsed only where they could still win."""
        structured: list[tuple[tuple[Alias, ...], Any]] = []
        for attribute in attributes:
            aliases = keys.get(attribute.key)
            if aliases is None:
                continue
            value = values.plain(attribute.value)
            for alias in aliases:
                if not alias.path:
                    self._offer(alias, value, found, groups)
            if aliases[-1].path or aliases[0].path:
                structured.append((aliases, value))
        for aliases, value in structured:
            self._offer_members(self._paths_of(aliases), value, found, groups)

    def _paths_of(self, aliases: tuple[Alias, ...]) -> Paths:
        if id(aliases) not in self._paths:
            self._paths[id(aliases)] = Paths.of(aliases)
        return self._paths[id(aliases)]

    def _offer_members(self, paths: Paths, value: Any, found: Found, groups: dict[str, Found] | None) -> None:
        silent = paths.silent(value)
        if not any(_may_win(alias, found) for alias in paths.aliases if alias.field not in silent):
            return
        for alias, member in paths.find(value, silent):
            self._offer(alias, member, found, groups)

    def _offer(self, alias: Alias, value: Any, found: Found, groups: dict[str, Found] | None) -> None:
        target = found
        if alias.field in MANY:
            if groups is None:
                return
            target = groups.setdefault(self._evaluation_of(alias), {})
        if value is None or not _may_win(alias, target):
            return
        converted = self._converter(alias)(values.unquote(value) if alias.unit == "json" else value)
        if converted is not None and alias.field == verdicts.FIELD and alias.field in target:
            converted = verdicts.merge(target[alias.field][1], converted)
        if converted is not None:
            target[alias.field] = (alias.index, converted * alias.factor if alias.unit in ("s", "ms") else converted)

    def _evaluation_of(self, alias: Alias) -> str:
        """Which evaluation of a span or an event it tells of."""
        return alias.group or (alias.convention if alias.place == "span" else "")

    def _converter(self, alias: Alias) -> Callable[[Any], Any]:
        return verdicts.read_words if alias.unit == verdicts.WORDS else self._converters[alias.field]


def _named(groups: Mapping[str, Found]) -> list[Found]:
    """The evaluations on a span: those that are numbered (``evaluations.0``), and of each convention one.

    What a convention tells without a name belongs to all of these; where none has a name it is one.
    """
    numbered = [group for name, group in groups.items() if "." in name and group]
    single = [group for name, group in groups.items() if "." not in name and group]
    named = [group for group in single if "evaluation_name" in group]
    nameless = {field: told for group in single if "evaluation_name" not in group for field, told in group.items()}
    return [*numbered, *([nameless | group for group in named] or [nameless] * bool(nameless))]


def name_by_event(groups: dict[str, Found], event: str) -> None:
    """An evaluation without a name is called after its event: ``gen_ai.evaluation.user_feedback``.

    So is one without a judge, unless its own name says who judges.
    """
    name, judges = event.rpartition(".")[2], words("judge_by_name")
    for given in filter(None, groups.values()):
        if "evaluation_name" not in given and name not in UNTOLD:
            given["evaluation_name"] = (NO_ALIAS, name)
        told = _lower(given, "evaluation_source") in words("evaluation_source")
        if name in judges and not told and _lower(given, "evaluation_name") not in judges:
            given["evaluation_source"] = (NO_ALIAS, judges[name])


def _lower(given: Found, field: str) -> str:
    return str(given.get(field, (NO_ALIAS, ""))[1]).strip().lower()


def _may_win(alias: Alias, found: Mapping[str, tuple[int, Any]]) -> bool:
    return alias.field == verdicts.FIELD or alias.field not in found or alias.index <= found[alias.field][0]


def _keep_first_time(found: Found, alias: Alias, time_ns: int) -> None:
    if time_ns and _may_win(alias, found):
        index, known = found.get(alias.field, (alias.index, time_ns))
        found[alias.field] = (alias.index, min(known, time_ns) if index == alias.index else time_ns)


def is_valid(identifier: bytes, size: int) -> bool:
    """Whether an id has its length and is not all zero (W3C Trace Context 3.2.2)."""
    return len(identifier) == size and any(identifier)
