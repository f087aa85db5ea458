"""OTLP log requests for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from processors.messages import Message
from tests.processors.otlp import START_NS, attributes, message

LOGS = "otlp_logs"
SECRET = "the secret answer is 42"


def record(event: str = "", given: Mapping[str, Any] | None = None, **fields: Any) -> LogRecord:
    """A log record with a body that nobody may keep."""
    told: dict[str, Any] = {"time_unix_nano": START_NS, "trace_id": b"\x01" * 16, "span_id": b"\x02" * 8, **fields}
    made = LogRecord(event_name=event, attributes=attributes(given or {}), **told)
    if not made.HasField("body"):
        made.body.string_value = SECRET
    return made


def logs(*records: LogRecord, resource: Mapping[str, Any] | None = None) -> ExportLogsServiceRequest:
    """One request with one resource and one scope."""
    scope_logs = ScopeLogs(log_records=records)
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=Resource(attributes=attributes(resource or {})), scope_logs=[scope_logs])]
    )


def log_message(value: bytes | ExportLogsServiceRequest, **fields: Any) -> Message:
    """A Kafka record of the logs topic."""
    content = value if isinstance(value, bytes) else value.SerializeToString()
    return message(content, **{"topic": LOGS, **fields})
