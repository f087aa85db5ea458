"""Why a request is refused, and what OTLP says then: one HTTP status and one gRPC code per reason.

A client repeats 429 and 503 (gRPC: UNAVAILABLE, and RESOURCE_EXHAUSTED with a RetryInfo); it drops the data on all
others. So a reason that time cures carries ``retry_after_s``, the others do not (OTLP specification 1.10, "Failures").
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import grpc


class Reason(enum.StrEnum):
    """Every refusal is counted under one of these."""

    UNAUTHENTICATED = "unauthenticated"  # no API key, or none that we know
    NOT_FOUND = "not_found"  # no such path
    BAD_METHOD = "bad_method"  # a path of ours, but no POST
    BAD_TYPE = "bad_type"  # neither protobuf nor JSON
    BAD_ENCODING = "bad_encoding"  # neither gzip nor identity
    MALFORMED = "malformed"  # not a request of this signal, or broken gzip
    TOO_LARGE = "too_large"  # over max_request_bytes, before or after decompression, or over Kafka's own limit
    RATE_LIMITED = "rate_limited"  # the key has used up its bytes a second
    OVERLOADED = "overloaded"  # too many bytes in flight
    TOO_SLOW = "too_slow"  # the body did not arrive in time
    KAFKA = "kafka"  # Kafka did not acknowledge in time
    DRAINING = "draining"  # the gateway is stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """What a reason is called in each protocol."""

    http: int
    grpc: grpc.StatusCode


CODES = {
    Reason.UNAUTHENTICATED: Codes(http=401, grpc=grpc.StatusCode.UNAUTHENTICATED),
    Reason.NOT_FOUND: Codes(http=404, grpc=grpc.StatusCode.UNIMPLEMENTED),
    Reason.BAD_METHOD: Codes(http=405, grpc=grpc.StatusCode.UNIMPLEMENTED),
    Reason.BAD_TYPE: Codes(http=415, grpc=grpc.StatusCode.INVALID_ARGUMENT),
    Reason.BAD_ENCODING: Codes(http=415, grpc=grpc.StatusCode.UNIMPLEMENTED),
    Reason.MALFORMED: Codes(http=400, grpc=grpc.StatusCode.INVALID_ARGUMENT),
    Reason.TOO_LARGE: Codes(http=413, grpc=grpc.StatusCode.RESOURCE_EXHAUSTED),
    Reason.RATE_LIMITED: Codes(http=429, grpc=grpc.StatusCode.RESOURCE_EXHAUSTED),
    Reason.OVERLOADED: Codes(http=503, grpc=grpc.StatusCode.UNAVAILABLE),
    Reason.TOO_SLOW: Codes(http=503, grpc=grpc.StatusCode.UNAVAILABLE),
    Reason.KAFKA: Codes(http=503, grpc=grpc.StatusCode.UNAVAILABLE),
    Reason.DRAINING: Codes(http=503, grpc=grpc.StatusCode.UNAVAILABLE),
}


class Refused(Exception):
    """A request is not taken; the text is for the developer who sent it and never quotes what they sent."""

    def __init__(self, reason: Reason, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.retry_after_s = retry_after_s

    @property
    def codes(self) -> Codes:
        """HTTP status and gRPC code of this refusal."""
        return CODES[self.reason]
