"""OTLP/JSON logs to the cut-down classes of ``log_wire``: bodies are left behind; as tolerant as ``otlp_json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processors.decode.log_wire import LogRecord, LogsRequest, ResourceLogs
from processors.decode.otlp_json import (
    UNREADABLE,
    member,
    read_attributes,
    read_id,
    read_json,
    read_text,
    read_whole,
)


def parse_logs_json(value: bytes) -> Any:
    """The request of one JSON payload; raises BadPayload."""
    return read_json(
        value, ("resourceLogs", "resource_logs"), lambda items: LogsRequest(resource_logs=map(_resource_logs, items))
    )


def _resource_logs(item: Mapping[str, Any]) -> Any:
    made = ResourceLogs()
    made.resource.attributes.extend(read_attributes(item.get("resource") or {}))
    for group in member(item, "scopeLogs", "scope_logs") or ():
        records = member(group, "logRecords", "log_records") or ()
        made.scope_logs.add().log_records.extend(_record(record) for record in records)
    return made


def _record(item: Mapping[str, Any]) -> Any:
    """One record; empty where it is no event.

    Where a field of an event cannot be read it has its name alone, so that it is counted as bad.
    """
    try:
        name = read_text(member(item, "eventName", "event_name")).encode()
        if not name and not any(pair.get("key") == "event.name" for pair in item.get("attributes") or ()):
            return LogRecord()
    except UNREADABLE:
        return LogRecord()
    try:
        return LogRecord(
            time_unix_nano=read_whole(member(item, "timeUnixNano", "time_unix_nano")),
            observed_time_unix_nano=read_whole(member(item, "observedTimeUnixNano", "observed_time_unix_nano")),
            trace_id=read_id(member(item, "traceId", "trace_id"), 16),
            span_id=read_id(member(item, "spanId", "span_id"), 8),
            event_name=name,
            attributes=[attribute.SerializeToString() for attribute in read_attributes(item)],
        )
    except UNREADABLE:
        return LogRecord(event_name=name)
