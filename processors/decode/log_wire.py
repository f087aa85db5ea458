"""The wire of OTLP logs, cut down: protobuf classes that know no body.

A field that the classes do not declare is stepped over by the parser and can become no Python object. So the body of a
log record, which is content, cannot be copied out by mistake, and whatever stands in it (text that is no UTF-8, which
Collectors let through) cannot spoil its neighbours. Attributes stay bytes until somebody asks for those of one record.
Field numbers are those of opentelemetry-proto 1.9 (``logs/v1/logs.proto``).
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.resource.v1 import resource_pb2

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "spanledger.decode"
_MESSAGES = {
    "LogRecord": (
        ("time_unix_nano", 1, _Field.TYPE_FIXED64, False),
        ("attributes", 6, _Field.TYPE_BYTES, True),
        ("trace_id", 9, _Field.TYPE_BYTES, False),
        ("span_id", 10, _Field.TYPE_BYTES, False),
        ("observed_time_unix_nano", 11, _Field.TYPE_FIXED64, False),
        ("event_name", 12, _Field.TYPE_BYTES, False),
    ),
    "ScopeLogs": (("log_records", 2, f".{_PACKAGE}.LogRecord", True),),
    "ResourceLogs": (
        ("resource", 1, ".opentelemetry.proto.resource.v1.Resource", False),
        ("scope_logs", 2, f".{_PACKAGE}.ScopeLogs", True),
    ),
    "ExportLogsServiceRequest": (("resource_logs", 1, f".{_PACKAGE}.ResourceLogs", True),),
}
"""Message -> (field, number, type or name of a message, repeated)."""


def _describe() -> Any:
    resource = resource_pb2.DESCRIPTOR.name
    file = descriptor_pb2.FileDescriptorProto(
        name="spanledger/log_wire.proto", package=_PACKAGE, syntax="proto3", dependency=[resource]
    )
    for name, fields in _MESSAGES.items():
        made = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            of_kind = {"type_name": kind, "type": _Field.TYPE_MESSAGE} if isinstance(kind, str) else {"type": kind}
            made.field.add(name=field, number=number, label=label, **of_kind)
    return file


_POOL = descriptor_pool.Default()
_POOL.AddSerializedFile(_describe().SerializeToString())


def _made(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


LogRecord: Any = _made("LogRecord")
ResourceLogs: Any = _made("ResourceLogs")
LogsRequest: Any = _made("ExportLogsServiceRequest")
