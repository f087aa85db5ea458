"""The answers of OTLP: Export*ServiceResponse for a yes, google.rpc.Status for a no, in protobuf or JSON."""

from __future__ import annotations

import json
import math
from typing import Any

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from ingest.gateway.payload import Encoding
from ingest.gateway.receiver import Accepted
from ingest.gateway.refusals import Reason, Refused
from ingest.gateway.signals import Signal

STATUS_TRAILER = "grpc-status-details-bin"  # where gRPC libraries look for the details
RETRY_TRAILER = "google.rpc.retryinfo-bin"  # where OpenTelemetry's Python exporter looks for the wait


def exported(signal: Signal, accepted: Accepted) -> Any:
    """Response message of the signal; partial_success stays unset when all is well, as OTLP demands."""
    response = signal.response()
    if accepted.rejected or accepted.warning:
        setattr(response.partial_success, signal.rejected, accepted.rejected)
        response.partial_success.error_message = accepted.warning
    return response


def status(refused: Refused) -> Any:
    """google.rpc.Status of a refusal: RetryInfo where waiting helps, BadRequest where the body is at fault."""
    message = status_pb2.Status(code=refused.codes.grpc.value[0], message=refused.text)
    if refused.retry_after_s is not None:
        message.details.add().Pack(retry_info(refused.retry_after_s))
    if refused.reason is Reason.MALFORMED:
        violation = error_details_pb2.BadRequest.FieldViolation(field="body", description=refused.text)
        message.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    return message


def retry_info(seconds: float) -> Any:
    """google.rpc.RetryInfo with this delay."""
    delay = Duration()
    delay.FromNanoseconds(round(seconds * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def retry_after(seconds: float) -> str:
    """Value of the Retry-After header: whole seconds, never 0 (RFC 9110, 10.2.3)."""
    return str(max(1, math.ceil(seconds)))


def trailers(refused: Refused) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata of a refused gRPC call."""
    details = ((STATUS_TRAILER, status(refused).SerializeToString()),)
    if refused.retry_after_s is None:
        return details
    return (*details, (RETRY_TRAILER, retry_info(refused.retry_after_s).SerializeToString()))


def encode(message: Any, encoding: Encoding) -> bytes:
    """Bytes of an answer in the encoding of its request."""
    if encoding is Encoding.PROTOBUF:
        return bytes(message.SerializeToString())
    return json.dumps(json_format.MessageToDict(message)).encode()
