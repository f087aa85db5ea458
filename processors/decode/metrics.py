"""OTLP metrics to columns, each message parsed once: points that count tokens, and points about GPUs and their servers.

Which metrics these are is said by tables (``token_metrics.py``, ``gpu_metrics.py``); all others are counted and left
alone. A model server's token counters are both: tokens that a service counts, and what a server does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from processors.conventions.table import AliasTable
from processors.decode.gpu_metrics import GpuReader
from processors.decode.otlp_json import read_json
from processors.decode.payload import BadPayload, is_json, strip_mark
from processors.decode.points import Origin, PointReader, Points
from processors.decode.token_metrics import TokenReader
from processors.decode.walk import message_table, take_each
from processors.messages import DeadLetter, Message, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedMetrics:
    """What a range of messages tells of tokens and of GPUs.

    ``dropped``: points that are impossible; ``ignored``: metrics that tell neither.
    """

    tokens: Points
    gpus: Points
    dead: tuple[DeadLetter, ...]
    dropped: Tally
    ignored: int


def decode_metrics(messages: Sequence[Message], table: AliasTable) -> DecodedMetrics:
    """Columns of a range of metric messages; verdicts as ``decode`` gives them."""
    tokens, gpus = TokenReader(table), GpuReader(table)
    ignored = 0

    def take(index: int, message: Message) -> int:
        nonlocal ignored
        seen, unknown = _take(index, message, (tokens, gpus))
        ignored += unknown
        return seen

    dead = take_each(messages, take, "no metrics")
    each = message_table(messages)
    made = [reader.finish(each) for reader in (tokens, gpus)]
    return DecodedMetrics(
        tokens=made[0], gpus=made[1], dead=dead, dropped=Counter(tokens.dropped) + gpus.dropped, ignored=ignored
    )


def _take(index: int, message: Message, readers: Sequence[PointReader]) -> tuple[int, int]:
    """-> how many metrics a message has, and how many of them no reader knows."""
    allowed = message.may_tell_of_gpus
    seen = unknown = 0
    for resource_metrics in _parse(message).resource_metrics:
        attributes = tuple(resource_metrics.resource.attributes)
        found = readers[0].resource(attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            scope = (scope_metrics.scope.name or None, scope_metrics.scope.version or None)
            origin = Origin(message=index, attributes=attributes, found=found, scope=scope, may_tell_of_gpus=allowed)
            for metric in scope_metrics.metrics:
                seen += 1
                known = [reader.metric(metric, seen, origin) for reader in readers]
                unknown += not any(known)
        for reader in readers:
            reader.end_resource()
    return seen, unknown


def _parse(message: Message) -> Any:
    if is_json(message.value, message.content_type):
        return _parse_json(strip_mark(message.value))
    try:
        return ExportMetricsServiceRequest.FromString(message.value)
    except DecodeError as error:
        raise BadPayload("not protobuf of an ExportMetricsServiceRequest") from error


def _parse_json(value: bytes) -> Any:
    return read_json(value, ("resourceMetrics", "resource_metrics"), _request)


def _request(resources: Iterable[Mapping[str, Any]]) -> Any:
    given = {"resourceMetrics": list(resources)}
    try:
        return json_format.ParseDict(given, ExportMetricsServiceRequest(), ignore_unknown_fields=True)
    except (json_format.Error, OverflowError) as error:
        raise ValueError("not the form of the message") from error
