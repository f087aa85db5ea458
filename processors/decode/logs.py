"""OTLP log records to columns: only those that tell an outcome; all others are counted and left alone.

A record counts where its event name (field ``event_name``, else the attribute ``event.name``) is one that the alias
table has outcome fields for, such as ``gen_ai.evaluation.result`` or ``spanledger.outcome``. All logs of all
applications may come this way: the others cost 0.6 µs each (1.5 ms a MB), and no body is ever read (``log_wire``).

The rows stand in a ``Decoded`` whose "spans" are log records: ``trace_id span_id`` are what the record is about (NULL
where it does not say, other than with spans), ``ended_ns`` is its time; attributes fill the same fields as on a span.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from processors.conventions.table import MANY, Alias, AliasTable, Keys
from processors.decode.columns import Found
from processors.decode.decoded import Decoded
from processors.decode.log_json import parse_logs_json
from processors.decode.log_wire import LogsRequest
from processors.decode.payload import BadPayload, is_json, strip_mark
from processors.decode.walk import (
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    Walk,
    is_valid,
    message_table,
    name_by_event,
    take_each,
)
from processors.messages import Drop, Message

OUTCOME_FIELDS = frozenset((*MANY, "task_outcome", "task_safe", "review_minutes"))
"""Fields that make an outcome of the event that carries one of them."""

EVENT_NAME = b"event.name"
"""Attribute that named an event before log records had a field for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedLogs:
    """Records that tell an outcome, and how many tell none; ``decoded.dropped`` has those that should have told one."""

    decoded: Decoded
    ignored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """An event that tells outcomes, and the aliases of its attributes."""

    name: str
    keys: Keys


def decode_logs(messages: Sequence[Message], table: AliasTable) -> DecodedLogs:
    """Columns of the outcome events of a range of messages; verdicts as ``decode`` gives them."""
    walk = _LogWalk(table)
    dead = take_each(
        messages,
        lambda index, message: walk.logs(index, _parse(message), named=EVENT_NAME in message.value),
        "no log records",
    )
    decoded = walk.columns.finish(
        messages=message_table(messages),
        dead=dead,
        dropped=walk.dropped,
    )
    return DecodedLogs(decoded=decoded, ignored=walk.ignored)


def _parse(message: Message) -> Any:
    if is_json(message.value, message.content_type):
        return parse_logs_json(strip_mark(message.value))
    try:
        return LogsRequest.FromString(message.value)
    except DecodeError as error:
        raise BadPayload("not protobuf of an ExportLogsServiceRequest") from error


class _LogWalk(Walk):
    """Fills columns from the records that tell an outcome."""

    def __init__(self, table: AliasTable) -> None:
        super().__init__(table)
        self.ignored = 0
        self._events: dict[bytes, _Event | None] = {}

    def logs(self, index: int, request: Any, *, named: bool) -> int:
        """Take the records of one message; ``named``: some may have their name as an attribute. -> how many it has."""
        seen = 0
        for resource_logs in request.resource_logs:
            resource: Found = {}  # looked up for the first record that needs it
            for scope_logs in resource_logs.scope_logs:
                for record in scope_logs.log_records:
                    name = record.event_name or (_event_name(record.attributes) if named else b"")
                    event = self._outcome_event(name) if name else None
                    if event is None:
                        self.ignored += 1
                    else:
                        if not resource:
                            self._look_up(resource_logs.resource.attributes, self.table.resource, resource)
                        if not self._record((index, seen), record, event, dict(resource)):
                            self.dropped[index, Drop.BAD_OUTCOME.value] += 1
                    seen += 1
        return seen

    def _outcome_event(self, name: bytes) -> _Event | None:
        """The event of this name, None where it is none of ours; remembered for the range."""
        if name not in self._events:
            text = name.decode("utf-8", "replace")
            keys = self.table.event_keys(text) or {}
            told = any(alias.field in OUTCOME_FIELDS for some in keys.values() for alias in some)
            self._events[name] = _Event(name=text, keys=keys) if told else None
        return self._events[name]

    def _evaluation_of(self, alias: Alias) -> str:
        """A record tells of one."""
        return alias.group

    def _record(self, place: tuple[int, int], record: Any, event: _Event, found: Found) -> bool:
        """Add the record's row; False where it tells no outcome at all."""
        groups: dict[str, Found] = {}
        attributes = list(_readable(record.attributes))
        self._look_up(attributes, self.table.span, found, groups)
        self._look_up(attributes, event.keys, found, groups)
        name_by_event(groups, event.name)
        told = [(None, group) for group in groups.values() if group]
        if not told and not found.keys() & OUTCOME_FIELDS:
            return False
        self.columns.add(
            structure=(
                *place,
                record.trace_id if is_valid(record.trace_id, TRACE_ID_BYTES) else None,
                record.span_id if is_valid(record.span_id, SPAN_ID_BYTES) else None,
                None,
                None,
                0,
                0,
                record.time_unix_nano or record.observed_time_unix_nano,
                0,
                None,
                None,
                None,
            ),
            found=found,
            evaluations=told,
        )
        return True


def _event_name(attributes: Iterable[bytes]) -> bytes:
    for raw in attributes:
        if EVENT_NAME in raw:
            for attribute in _readable([raw]):
                if attribute.key == "event.name":
                    return bytes(attribute.value.string_value.encode())
    return b""


def _readable(attributes: Iterable[bytes]) -> Iterable[Any]:
    """The attributes that can be read; one that cannot (text that is no UTF-8) does not spoil the others."""
    for raw in attributes:
        try:
            yield KeyValue.FromString(raw)
        except DecodeError:
            continue
