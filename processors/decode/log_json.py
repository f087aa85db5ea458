"""OTLP/JSON logs to the cut-down classes of ``log_wire``: bodies are left behind; as tolerant as ``otlp_json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from processors.decode.log_wire import LogRecord, LogsRequest, ResourceLogs
from processors.decode.otlp_json import _attributes, _get, _id, _text, _whole
from processors.decode.payload import BadPayload

_UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, RecursionError)


def parse_logs_json(value: bytes) -> Any:
    """The request of one JSON payload; raises BadPayload."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise BadPayload(f"not JSON: {type(error).__name__}") from error
    try:
        return LogsRequest(resource_logs=[_resource_logs(item) for item in _resources(found)])
    except _UNREADABLE as error:
        raise BadPayload(f"not OTLP/JSON: {type(error).__name__}") from error


def _resources(found: Any) -> Iterator[Mapping[str, Any]]:
    for item in found if isinstance(found, list) else [found]:
        nested = _get(item, "resourceLogs", "resource_logs")
        if nested is not None:
            yield from nested
        elif isinstance(found, list):
            yield item


def _resource_logs(item: Mapping[str, Any]) -> Any:
    made = ResourceLogs()
    made.resource.attributes.extend(_attributes(item.get("resource") or {}))
    for group in _get(item, "scopeLogs", "scope_logs") or ():
        records = _get(group, "logRecords", "log_records") or ()
        made.scope_logs.add().log_records.extend(_record(record) for record in records)
    return made


def _record(item: Mapping[str, Any]) -> Any:
    """One record; empty where it is no event.

    Where a field of an event cannot be read it has its name alone, so that it is counted as bad.
    """
    try:
        name = _text(_get(item, "eventName", "event_name")).encode()
        if not name and not any(pair.get("key") == "event.name" for pair in item.get("attributes") or ()):
            return LogRecord()
    except _UNREADABLE:
        return LogRecord()
    try:
        return LogRecord(
            time_unix_nano=_whole(_get(item, "timeUnixNano", "time_unix_nano")),
            observed_time_unix_nano=_whole(_get(item, "observedTimeUnixNano", "observed_time_unix_nano")),
            trace_id=_id(_get(item, "traceId", "trace_id"), 16),
            span_id=_id(_get(item, "spanId", "span_id"), 8),
            event_name=name,
            attributes=[attribute.SerializeToString() for attribute in _attributes(item)],
        )
    except _UNREADABLE:
        return LogRecord(event_name=name)
