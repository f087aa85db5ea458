"""What the engine takes in and gives out: messages of one partition's range, and the tables made of them."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

Tally = Mapping[tuple[int, str], int]
"""What was counted in messages: (index of the message, reason) -> how many."""


class Drop(enum.StrEnum):
    """Why a message was dead-lettered or dropped; each is counted under this name."""

    BAD_PAYLOAD = "bad_payload"  # neither protobuf nor JSON of an ExportTraceServiceRequest
    UNPROCESSABLE = "unprocessable"  # can be read, and still stops the engine: a fault of ours, its neighbours stand
    EMPTY = "empty"  # parses, holds no spans: foreign bytes such as Jaeger
    BAD_OUTCOME = "bad_outcome"  # an evaluation or outcome event without a name, or that tells no outcome
    BAD_POINT = "bad_point"  # a metric's data point that does not say how much, of what, of whom or until when
    OUT_OF_RANGE = "out_of_range"  # a data point about a GPU whose value cannot be: a share above 1, less than nothing
    GPUS_NOT_ALLOWED = "gpus_not_allowed"  # a data point about a GPU or its server, of an API key without `gpus = true`
    BAD_SPAN = "bad_span"  # a span without valid ids, or with a field of impossible type; the message's others stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One Kafka record of an OTLP topic. ``received_at_us`` is the record's time in UTC microseconds."""

    topic: str
    partition: int
    offset: int
    received_at_us: int
    value: bytes
    tenant: str | None = None  # header spanledger-tenant: holds for the whole message
    principal: str | None = None  # header spanledger-principal
    tenants: tuple[str, ...] | None = None  # header spanledger-tenants: a span's tenant outside this list is dropped
    content_type: str | None = None  # header content-type, if any
    gpus: bool = False  # header spanledger-gpus: its API key may tell of GPUs

    @property
    def may_tell_of_gpus(self) -> bool:
        """Whether GPUs may be told of: by such a key, or without any, which is the operator's own way in."""
        return self.gpus or (self.principal is None and self.tenant is None and self.tenants is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message of the range that goes to the DLQ: its index in the range, the reason, and what was wrong."""

    index: int
    reason: Drop
    detail: str  # never content


@dataclass(frozen=True, slots=True, kw_only=True)
class Processed:
    """What one partition's range becomes.

    ``tables``: outcomes, usage, safety, gpu_samples, token_samples, spans, each in the schema of ``warehouse.schemas``;
    texts of ``spans`` may be dictionary columns.
    """

    tables: Mapping[str, pa.Table]
    dead: tuple[DeadLetter, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)  # by Drop value, dead letters included
    suppressed: Mapping[str, int] = field(default_factory=dict)  # spans not billed, by once rule
    ignored: int = 0  # log records that tell no outcome, metrics that tell nothing of tokens or GPUs
    repaired: Mapping[str, int] = field(default_factory=dict)  # spans whose token counts were, by usage rule
    hidden: Mapping[str, int] = field(default_factory=dict)  # names replaced by their hash, by rule; their rows stand


def tally(dead: Iterable[DeadLetter]) -> Counter[tuple[int, str]]:
    """Dead letters, counted."""
    return Counter((letter.index, letter.reason.value) for letter in dead)


def total(counted: Tally, first: int = 0, end: int | None = None) -> dict[str, int]:
    """Sums by reason, of the messages from ``first`` up to ``end``."""
    sums: Counter[str] = Counter()
    for (index, reason), count in sorted(counted.items()):
        if index >= first and (end is None or index < end):
            sums[reason] += count
    return dict(sums)
