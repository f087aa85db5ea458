"""What ``POST /v1/outcomes`` takes: one outcome as a JSON object, or an array of them (docs/outcomes.md).

Each is checked by itself, against ``FIELDS``: what is right goes on, what is not is answered with its index, the field
and what to change. An outcome travels as an OTLP log record, event ``spanledger.outcome``, so that behind the gateway
there is one way for all of them.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from ingest.gateway.keys import Client
from ingest.gateway.refusals import Reason, Refused
from ingest.words import LABELS, holds_secret, score_of

PATH = "/v1/outcomes"
EVENT = "spanledger.outcome"
MOST_OUTCOMES = 10_000
"""Outcomes of one request."""
MOST_ERRORS = 100
"""So many errors are spelled out; the others are counted."""
WORD_CHARACTERS = 64
NAME_CHARACTERS = 128
ID_CHARACTERS = 256
MOST_MINUTES = 366 * 24 * 60
AHEAD = timedelta(minutes=10)
SOURCES = ("human", "explicit", "evaluator", "heuristic")
ABOUT = ("trace_id", "span_id", "response_id", "task_id", "session_id")
VERDICTS = ("score", "label", "review_minutes")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why one outcome is not taken: its place in the request, the field at fault, and what to change."""

    index: int
    field: str | None
    error: str

    def as_json(self) -> dict[str, object]:
        """As the answer has it."""
        return {"index": self.index, "field": self.field, "error": self.error}


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Verdict on a request: ``value`` is the protobuf of the outcomes that are right."""

    accepted: int
    problems: tuple[Problem, ...]
    value: bytes = b""

    @property
    def rejected(self) -> int:
        """How many outcomes are not taken."""
        return len(self.problems)

    def answer(self) -> bytes:
        """Body of the answer."""
        errors = [problem.as_json() for problem in self.problems[:MOST_ERRORS]]
        return json.dumps({"accepted": self.accepted, "rejected": self.rejected, "errors": errors}).encode()


class _Wrong(Exception):
    """A field, or the whole outcome (None), is not as it must be."""

    def __init__(self, field: str | None, error: str) -> None:
        super().__init__(error)
        self.field = field
        self.error = error


def read_outcomes(body: bytes, client: Client, now_ns: int) -> Posted:
    """Verdict on a body; ``now_ns`` is the time of outcomes that tell none. Raises Refused (malformed, too_large)."""
    records: list[LogRecord] = []
    problems: list[Problem] = []
    for index, item in enumerate(_items(body)):
        try:
            told = _checked(item, client, now_ns)
        except _Wrong as wrong:
            problems.append(Problem(index=index, field=wrong.field, error=wrong.error))
            continue
        records.append(_record(told, now_ns, index))
    return Posted(accepted=len(records), problems=tuple(problems), value=_request(records) if records else b"")


def _items(body: bytes) -> list[Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(Reason.MALFORMED, "the body is no JSON: send one outcome, or an array of them") from error
    items = found if isinstance(found, list) else [found]
    if not items:
        raise Refused(Reason.MALFORMED, "there is no outcome in the array: send at least one")
    if len(items) > MOST_OUTCOMES:
        raise Refused(Reason.TOO_LARGE, f"a request may have {MOST_OUTCOMES} outcomes: send smaller batches")
    return items


def _checked(item: Any, client: Client, now_ns: int) -> dict[str, Any]:
    """The fields of one outcome that are told, each in its own type; raises _Wrong."""
    if not isinstance(item, dict):
        raise _Wrong(None, "must be an object")
    unknown = next((name for name in item if name not in FIELDS), None)
    if unknown is not None:
        raise _Wrong(unknown[:WORD_CHARACTERS], _about_unknown(unknown))
    told: dict[str, Any] = {}
    for name, value in item.items():
        if value is not None:
            try:
                told[name] = FIELDS[name](value)
            except ValueError as error:
                raise _Wrong(name, str(error)) from error
    _complete(told)
    _agree(told)
    _allowed(told, client)
    if told.get("observed_at", 0) > now_ns + int(AHEAD.total_seconds()) * 10**9:
        raise _Wrong("observed_at", "is more than 10 minutes ahead: send the time at which it was observed")
    return told


def _about_unknown(name: str) -> str:
    near = difflib.get_close_matches(name[:WORD_CHARACTERS], FIELDS, n=1)
    return f"is not known; did you mean {near[0]}?" if near else f"is not known; there are {', '.join(FIELDS)}"


def _complete(told: Mapping[str, Any]) -> None:
    if "name" not in told:
        raise _Wrong("name", "is missing: say what was judged, such as success or helpful")
    if not any(name in told for name in ABOUT):
        raise _Wrong(None, f"say what it is about: one of {', '.join(ABOUT)}")
    if not any(name in told for name in VERDICTS):
        raise _Wrong(None, f"say how it was judged: one of {', '.join(VERDICTS)}")


def _agree(told: dict[str, Any]) -> None:
    """What has labels of its own, in any case, is judged by one of them or by a score that goes with one."""
    name, label, score = told["name"].lower(), told.get("label"), told.get("score")
    if name not in LABELS:
        return
    told["name"] = name
    if label is None:
        if score not in (None, 0, 1):
            raise _Wrong("score", f"of {name} must be 1 or 0, or send a label: {' or '.join(LABELS[name])}")
        return
    meant = score_of(name, label)
    if meant is None:
        known = "; or ".join(", ".join(words) for words in LABELS[name].values())
        raise _Wrong("label", f"of {name} must be one of {known}")
    if score is not None and score != meant:
        raise _Wrong("score", f"contradicts the label: leave it out, or send {meant:g}")


def _allowed(told: Mapping[str, Any], client: Client) -> None:
    """A key speaks for its tenants only."""
    tenant = told.get("tenant")
    if tenant is not None and client.tenants and tenant not in client.tenants:
        raise _Wrong("tenant", "is not one that this API key may write for: leave it out, or use another key")


def _text(most: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        text = value.strip() if isinstance(value, str) else ""
        if not 1 <= len(text) <= most or not text.isprintable():
            raise ValueError(f"must be a text of 1 to {most} characters in one line")
        return text

    return check


def _word(value: Any) -> str:
    """What the ledger keeps of a name or a label: no address, no credential."""
    text = _text(WORD_CHARACTERS)(value)
    if holds_secret(text):
        raise ValueError("holds an e-mail address or a credential: send a word that names nobody")
    return text


def _label(value: Any) -> str:
    """A word; as a number it is a score, so one that a score can be."""
    text = _word(value)
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        raise ValueError("must be a word or a finite number")
    return text


def _identifier(size: int) -> Callable[[Any], bytes]:
    def check(value: Any) -> bytes:
        if not isinstance(value, str) or not re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", value) or not int(value, 16):
            raise ValueError(f"must be {2 * size} hex digits, not all zero")
        return bytes.fromhex(value)

    return check


def _number(low: float, high: float, wanted: str) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"must be {wanted}")
        return float(value)

    return check


def _source(value: Any) -> str:
    if value not in SOURCES:
        raise ValueError(f"must be one of {', '.join(SOURCES)}")
    return str(value)


def _time(value: Any) -> int:
    """UTC nanoseconds."""
    try:
        since = datetime.fromisoformat(value) - _EPOCH
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("must be a time with its offset, such as 2026-01-31T12:00:00Z") from error
    if since < timedelta(0):
        raise ValueError("must be after 1970")
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "name": _word,
    "score": _number(-math.nextafter(math.inf, 0), math.nextafter(math.inf, 0), "a finite number"),
    "label": _label,
    "review_minutes": _number(0, MOST_MINUTES, f"a number of minutes, 0 to {MOST_MINUTES}"),
    "source": _source,
    "trace_id": _identifier(16),
    "span_id": _identifier(8),
    "response_id": _text(ID_CHARACTERS),
    "task_id": _text(ID_CHARACTERS),
    "session_id": _text(ID_CHARACTERS),
    "observed_at": _time,
    "outcome_id": _text(ID_CHARACTERS),
    "tenant": _text(ID_CHARACTERS),
    "feature": _text(NAME_CHARACTERS),
}
"""Field -> its check, which gives the value in its own type or raises ValueError saying what it must be."""

ATTRIBUTES = {
    "name": "spanledger.outcome.name",
    "score": "spanledger.outcome.score",
    "label": "spanledger.outcome.label",
    "review_minutes": "spanledger.outcome.review_minutes",
    "source": "spanledger.outcome.source",
    "response_id": "gen_ai.response.id",
    "task_id": "spanledger.outcome.task_id",
    "session_id": "spanledger.outcome.session_id",
    "outcome_id": "spanledger.outcome.id",
    "tenant": "spanledger.tenant",
    "feature": "spanledger.feature",
}
"""Field -> attribute of the log record; the others have fields of their own there."""


def _record(told: Mapping[str, Any], now_ns: int, index: int) -> LogRecord:
    """Outcomes without a time of their own differ by a nanosecond each: alike is not the same."""
    return LogRecord(
        time_unix_nano=told.get("observed_at", now_ns + index),
        observed_time_unix_nano=now_ns,
        event_name=EVENT,
        trace_id=told.get("trace_id", b""),
        span_id=told.get("span_id", b""),
        attributes=[
            KeyValue(key=key, value=_value(told[name]))
            for name, key in ATTRIBUTES.items()
            if told.get(name) is not None
        ],
    )


def _value(value: str | float) -> AnyValue:
    return AnyValue(string_value=value) if isinstance(value, str) else AnyValue(double_value=value)


def _request(records: list[LogRecord]) -> bytes:
    scope_logs = ScopeLogs(scope=InstrumentationScope(name="spanledger.gateway"), log_records=records)
    return bytes(ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[scope_logs])]).SerializeToString())
