"""The ground truth of a simulation: what was sent and acknowledged, to the picodollar.

Counts are of distinct spans whose export returned success; a batch that was sent again counts once. Money is exact and
None where no call had a price; token counts add up what spans reported, 0 where none did. ``unpriced_calls`` had no
price or no usage. Truths add up: ``a.merge(b)`` is the truth of both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

TOKEN_KINDS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Calls of one tenant, feature and billed model."""

    tenant: str
    feature: str
    model: str
    calls: int
    priced_calls: int
    tokens: Mapping[str, int]
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyLine:
    """Guardrail decisions of one tenant, feature, category and action; no category: checked, nothing found."""

    tenant: str
    feature: str
    category: str | None
    action: str
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuLine:
    """Time of one GPU: ``used`` by calls, ``unattributed`` (busy without a call) or ``idle``."""

    gpu: str
    line: str
    seconds: float
    tenant: str | None = None
    feature: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentTruth:
    """What an incident cost: ``baseline_usd`` would have been spent in its time anyway, ``extra_usd`` came on top."""

    kind: str
    tenant: str
    feature: str
    started_at: datetime
    ended_at: datetime
    baseline_usd: Decimal
    extra_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Everything that a ledger of this simulation must say."""

    spans: int = 0
    calls: int = 0
    priced_calls: int = 0
    unpriced_calls: int = 0
    retries: int = 0
    tokens: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(TOKEN_KINDS, 0))
    cost_usd: Decimal | None = None
    errors: Mapping[str, int] = field(default_factory=dict)  # failed or cancelled calls by class
    other_errors: Mapping[str, int] = field(default_factory=dict)  # failed tools and other steps by class
    tasks: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)  # success, failure, unknown
    safe: Mapping[str, int] = field(default_factory=dict)  # tasks by what was judged: safe, unsafe, unknown
    routes: Mapping[str, int] = field(default_factory=dict)  # calls that a router sent, by the way
    evaluations: Mapping[str, int] = field(default_factory=dict)  # by name
    safety: tuple[SafetyLine, ...] = ()
    by: tuple[Line, ...] = ()
    incidents: tuple[IncidentTruth, ...] = ()
    gpus: tuple[GpuLine, ...] = ()
    started_at: datetime | None = None  # of the first span
    ended_at: datetime | None = None  # of the last span

    def merge(self, other: Self) -> Self:
        """The truth of both."""
        return replace(
            self,
            spans=self.spans + other.spans,
            calls=self.calls + other.calls,
            priced_calls=self.priced_calls + other.priced_calls,
            unpriced_calls=self.unpriced_calls + other.unpriced_calls,
            retries=self.retries + other.retries,
            tokens=_add_counts(self.tokens, other.tokens),
            cost_usd=add_usd(self.cost_usd, other.cost_usd),
            errors=_add_counts(self.errors, other.errors),
            other_errors=_add_counts(self.other_errors, other.other_errors),
            tasks=self.tasks + other.tasks,
            outcomes=_add_counts(self.outcomes, other.outcomes),
            safe=_add_counts(self.safe, other.safe),
            routes=_add_counts(self.routes, other.routes),
            evaluations=_add_counts(self.evaluations, other.evaluations),
            safety=_merge_safety((*self.safety, *other.safety)),
            by=_merge_lines((*self.by, *other.by)),
            incidents=_merge_incidents((*self.incidents, *other.incidents)),
            gpus=_merge_gpus((*self.gpus, *other.gpus)),
            started_at=min(filter(None, (self.started_at, other.started_at)), default=None),
            ended_at=max(filter(None, (self.ended_at, other.ended_at)), default=None),
        )

    def to_json(self) -> str:
        """Flat JSON: money as decimal strings, times as RFC 3339 UTC."""
        return json.dumps(_plain(asdict(self)), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The truth that ``to_json`` wrote."""
        read = json.loads(text)
        read["cost_usd"] = _usd(read["cost_usd"])
        read["safety"] = tuple(SafetyLine(**line) for line in read["safety"])
        read["by"] = tuple(Line(**line | {"cost_usd": _usd(line["cost_usd"])}) for line in read["by"])
        read["gpus"] = tuple(GpuLine(**line) for line in read.get("gpus", ()))
        read["incidents"] = tuple(_incident(line) for line in read["incidents"])
        return cls(**read | {name: _time(read[name]) for name in ("started_at", "ended_at")})


def add_usd(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """The sum of what is known; None where neither is."""
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _add_counts(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    total = Counter(one)
    total.update(other)
    return dict(sorted(total.items()))


def _merge_safety(lines: Iterable[SafetyLine]) -> tuple[SafetyLine, ...]:
    merged: dict[tuple[str, str, str, str], SafetyLine] = {}
    for line in lines:
        key = (line.tenant, line.feature, line.category or "", line.action)
        before = merged.get(key)
        merged[key] = replace(line, events=line.events + before.events) if before else line
    return tuple(merged[key] for key in sorted(merged))


def _merge_gpus(lines: Iterable[GpuLine]) -> tuple[GpuLine, ...]:
    merged: dict[tuple[str, ...], GpuLine] = {}
    for line in lines:
        key = (line.gpu, line.line, line.tenant or "", line.feature or "", line.model or "")
        before = merged.get(key)
        merged[key] = replace(line, seconds=line.seconds + before.seconds) if before else line
    return tuple(merged[key] for key in sorted(merged))


def _merge_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    merged: dict[tuple[str, str, str], Line] = {}
    for line in lines:
        key = (line.tenant, line.feature, line.model)
        before = merged.get(key)
        merged[key] = _add_lines(before, line) if before else line
    return tuple(merged[key] for key in sorted(merged))


def _add_lines(one: Line, other: Line) -> Line:
    return replace(
        one,
        calls=one.calls + other.calls,
        priced_calls=one.priced_calls + other.priced_calls,
        tokens=_add_counts(one.tokens, other.tokens),
        cost_usd=add_usd(one.cost_usd, other.cost_usd),
    )


def _merge_incidents(incidents: Iterable[IncidentTruth]) -> tuple[IncidentTruth, ...]:
    merged: dict[tuple[datetime, str, str, str], IncidentTruth] = {}
    for incident in incidents:
        key = (incident.started_at, incident.kind, incident.tenant, incident.feature)
        before = merged.get(key)
        merged[key] = (
            replace(
                incident,
                baseline_usd=before.baseline_usd + incident.baseline_usd,
                extra_usd=before.extra_usd + incident.extra_usd,
            )
            if before
            else incident
        )
    return tuple(merged[key] for key in sorted(merged))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _incident(line: dict[str, Any]) -> IncidentTruth:
    money = {name: Decimal(line[name]) for name in ("baseline_usd", "extra_usd")}
    times = {name: datetime.fromisoformat(line[name]) for name in ("started_at", "ended_at")}
    return IncidentTruth(**line | money | times)


def _usd(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
