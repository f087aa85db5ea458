"""Adds up the truth: every span is expected when it is made, and counted when its export was acknowledged."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from ingest.simulator.incidents import Incident
from ingest.simulator.prices import cost_of
from ingest.simulator.tasks import SECOND_NS, Call, Step, Task
from ingest.simulator.truth import TOKEN_KINDS, IncidentTruth, Line, SafetyLine, Truth

NOTHING = Decimal(0)
DAY_NS = 24 * 3600 * SECOND_NS


@dataclass(slots=True)
class _Sum:
    """Running sums of one line."""

    calls: int = 0
    priced_calls: int = 0
    retries: int = 0
    cost_usd: Decimal = NOTHING
    tokens: Counter[str] = field(default_factory=Counter)

    def add(self, step: Step, call: Call, cost_usd: Decimal | None, times: int = 1) -> None:
        self.calls += times
        self.retries += (step.attempt > 1) * times
        if cost_usd is not None:
            self.priced_calls += times
            self.cost_usd += cost_usd * times
        if call.usage:
            for kind in TOKEN_KINDS:
                self.tokens[kind] += getattr(call.usage, kind) * times


class Tally:
    """Thread-safe sums over acknowledged spans."""

    def __init__(self) -> None:
        self._incidents: list[Incident] = []
        self._lock = threading.Lock()
        self._expected: dict[int, tuple[Task, int]] = {}
        self._spans = 0
        self._tasks = 0
        self._lines: defaultdict[tuple[str, str, str], _Sum] = defaultdict(_Sum)
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._safety: Counter[tuple[str, str, str | None, str]] = Counter()
        self._baseline_usd: list[Decimal] = []
        self._extra_usd: list[Decimal] = []
        self._first_ns: int | None = None
        self._last_ns: int | None = None

    @property
    def spans(self) -> int:
        """Acknowledged so far."""
        return self._spans

    def watch(self, incident: Incident) -> None:
        """Keep account of an incident; its index is the number of those watched before."""
        with self._lock:
            self._incidents.append(incident)
            self._baseline_usd.append(NOTHING)
            self._extra_usd.append(NOTHING)

    def expect(self, span_id: int, task: Task, index: int) -> None:
        """``span_id`` will be step ``index`` of ``task``."""
        self._expected[span_id] = (task, index)

    def acknowledge(self, span_ids: Iterable[int]) -> None:
        """Count these spans: their export returned success."""
        with self._lock:
            for span_id in span_ids:
                self._count(*self._expected.pop(span_id))

    def acknowledge_copies(self, task: Task, starts_ns: Sequence[int]) -> None:
        """Count copies of ``task`` that start then; no incident holds there, and prices change between days at most."""
        with self._lock:
            for index, step in enumerate(task.steps):
                self._count_step(task, index, times=len(starts_ns))
                since_ns = step.started_at_ns - task.started_at_ns
                self._reach(
                    min(starts_ns) + since_ns, max(starts_ns) + since_ns + step.ended_at_ns - step.started_at_ns
                )
                if step.call:
                    line = self._lines[task.feature.tenant, task.feature.name, step.call.billed_model]
                    for day, times in Counter((at_ns + since_ns) // DAY_NS for at_ns in starts_ns).items():
                        line.add(step, step.call, cost_of(step.call, day * DAY_NS), times)

    def truth(self) -> Truth:
        """What was acknowledged up to now."""
        with self._lock:
            return self._truth()

    def _count(self, task: Task, index: int) -> None:
        step = task.steps[index]
        self._count_step(task, index)
        self._reach(step.started_at_ns, step.ended_at_ns)
        if step.call:
            self._count_call(task, step, step.call)

    def _count_step(self, task: Task, index: int, times: int = 1) -> None:
        """All but calls and times."""
        step = task.steps[index]
        self._spans += times
        if step.failure:
            self._counts["errors" if step.call else "other_errors"][step.failure.error_class] += times
        if index == 0:
            self._tasks += times
            self._counts["outcomes"][task.outcome or "unknown"] += times
            self._counts["safe"][task.safe or "unknown"] += times
        if step.call and step.call.route:
            self._counts["routes"][step.call.route] += times
        if step.verdict:
            self._safety[task.feature.tenant, task.feature.name, step.verdict.category, step.verdict.action] += times
        for evaluation in step.evaluations:
            self._counts["evaluations"][evaluation.name] += times

    def _reach(self, first_ns: int, last_ns: int) -> None:
        self._first_ns = first_ns if self._first_ns is None else min(self._first_ns, first_ns)
        self._last_ns = last_ns if self._last_ns is None else max(self._last_ns, last_ns)

    def _count_call(self, task: Task, step: Step, call: Call) -> None:
        cost_usd = cost_of(call, step.started_at_ns)
        self._lines[task.feature.tenant, task.feature.name, call.billed_model].add(step, call, cost_usd)
        for incident in self._incidents:
            if step.incident == incident.index or (
                task.feature == incident.feature and incident.holds(step.ended_at_ns) and step.incident is None
            ):
                self._split(incident.index, step, cost_usd or NOTHING)

    def _split(self, incident: int, step: Step, cost_usd: Decimal) -> None:
        """Part a cost into what would have been spent anyway and what the incident added."""
        if step.incident is None:
            usual_usd = cost_usd
        else:
            usual_usd = (step.usual_call and cost_of(step.usual_call, step.started_at_ns)) or NOTHING
        self._baseline_usd[incident] += usual_usd
        self._extra_usd[incident] += cost_usd - usual_usd

    def _truth(self) -> Truth:
        sums = self._lines.values()
        calls, priced = sum(s.calls for s in sums), sum(s.priced_calls for s in sums)
        return Truth(
            spans=self._spans,
            calls=calls,
            priced_calls=priced,
            unpriced_calls=calls - priced,
            retries=sum(s.retries for s in sums),
            tokens={kind: sum(s.tokens[kind] for s in sums) for kind in TOKEN_KINDS},
            cost_usd=sum((s.cost_usd for s in sums), NOTHING) if priced else None,
            errors=dict(sorted(self._counts["errors"].items())),
            other_errors=dict(sorted(self._counts["other_errors"].items())),
            tasks=self._tasks,
            outcomes=dict(sorted(self._counts["outcomes"].items())),
            safe=dict(sorted(self._counts["safe"].items())),
            routes=dict(sorted(self._counts["routes"].items())),
            evaluations=dict(sorted(self._counts["evaluations"].items())),
            safety=self._safety_lines(),
            by=tuple(_line(key, self._lines[key]) for key in sorted(self._lines)),
            incidents=tuple(self._incident(incident) for incident in self._incidents),
            started_at=_time(self._first_ns),
            ended_at=_time(self._last_ns),
        )

    def _safety_lines(self) -> tuple[SafetyLine, ...]:
        keys = sorted(self._safety, key=lambda key: (key[0], key[1], key[2] or "", key[3]))
        return tuple(
            SafetyLine(tenant=key[0], feature=key[1], category=key[2], action=key[3], events=self._safety[key])
            for key in keys
        )

    def _incident(self, incident: Incident) -> IncidentTruth:
        return IncidentTruth(
            kind=incident.kind,
            tenant=incident.feature.tenant,
            feature=incident.feature.name,
            started_at=_at(incident.started_at_ns),
            ended_at=_at(incident.ended_at_ns),
            baseline_usd=self._baseline_usd[incident.index],
            extra_usd=self._extra_usd[incident.index],
        )


def _line(key: tuple[str, str, str], sums: _Sum) -> Line:
    return Line(
        tenant=key[0],
        feature=key[1],
        model=key[2],
        calls=sums.calls,
        priced_calls=sums.priced_calls,
        tokens={kind: sums.tokens[kind] for kind in TOKEN_KINDS},
        cost_usd=sums.cost_usd if sums.priced_calls else None,
    )


def _time(at_ns: int | None) -> datetime | None:
    return None if at_ns is None else _at(at_ns)


def _at(at_ns: int) -> datetime:
    """To the microsecond, rounded down."""
    return datetime.fromtimestamp(at_ns // SECOND_NS, tz=UTC).replace(microsecond=at_ns % SECOND_NS // 1000)
