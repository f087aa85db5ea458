"""What amounts and causes of an incident are computed from, and what they come to.

Read are the usage of the window, of the day before and, when it opens, of the week before of its tenant and feature;
and calls themselves: those of the window's last hour for samples, some hours at most for versions that were deployed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alerts.changes import find_changes
from alerts.events import MICRODOLLAR
from alerts.explain import explain, share, total_usd
from alerts.factors import factor_excess
from alerts.incidents import SCOPED_BY, Contributor, Event, Scope
from alerts.minutes import to_minute
from alerts.onset import onset
from alerts.parts import Change, Sample
from alerts.signals.arrays import Floats

Read = Callable[[Scope, datetime, datetime], pa.Table]
"""Of a scope in [start, end)."""
DIMENSIONS = ("feature", "model", "principal", "prompt_version", "route")
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
CAUSING_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """``usage``, ``dearest`` and ``deploys`` as a ``Ledger`` has them; ``watermark``: until when there can be any.

    ``by_minute``: as ``ledger.by_minute`` has it. ``is_silenced``: whether somebody wants to hear nothing of a scope's
    signal now, ``is_part``: whether a loop that was told has it.
    """

    usage: Read
    dearest: Read
    deploys: Read
    by_minute: Read
    watermark: datetime
    is_silenced: Callable[[Mapping[str, str | None], str], bool] = lambda _scope, _signal: False
    is_part: Callable[[Scope], bool] = lambda _scope: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What an incident is about: usage of its scope in [start, end), and in the day before."""

    scope: Scope
    start: datetime
    end: datetime
    usage: pa.Table
    before: pa.Table


def look_at(scope: Scope, start: datetime, full: datetime, evidence: Evidence) -> Window:
    """The window of a scope; its last minute may still fill."""
    return Window(
        scope=scope,
        start=start,
        end=max(min(full, evidence.watermark), start + MINUTE),
        usage=_with_prompts(evidence.usage(scope, start, full)),
        before=_with_prompts(evidence.usage(scope, start - DAY, start)),
    )


def account_for(window: Window, expected_usd: Decimal, opened: Event | None, evidence: Evidence) -> Mapping[str, Any]:
    """``contributors factors changes samples`` of an event; the last two stay what they were when it ``opened``."""
    dimensions = DIMENSIONS if "tenant" in window.scope.as_dict() else ("tenant", *DIMENSIONS)
    contributors = explain(window.usage, window.before, expected_usd, dimensions)
    return {
        "contributors": contributors,
        "factors": factor_excess(window.usage, window.before, expected_usd),
        "changes": _find_changes(window, evidence) if opened is None else opened.changes,
        "samples": _find_samples(window, expected_usd, contributors, evidence) if opened is None else opened.samples,
    }


def _find_changes(window: Window, evidence: Evidence) -> tuple[Change, ...]:
    recent = pa.concat_tables([window.usage, window.before])

    def usage(scope: Scope, start: datetime, end: datetime) -> pa.Table:
        return _with_prompts(evidence.usage(scope, start, end))

    return find_changes(window.scope, (window.start, window.end), recent, usage=usage, deploys=evidence.deploys)


def _find_samples(
    window: Window, expected_usd: Decimal, contributors: Sequence[Contributor], evidence: Evidence
) -> tuple[Sample, ...]:
    """The dearest calls since it began, of who explains half of it or more; where these have none, of the scope."""
    excess = total_usd(window.usage) - expected_usd
    causes = {
        one.dimension: one.value
        for one in contributors
        if one.dimension in SCOPED_BY and share(one, excess) >= CAUSING_SHARE
    }
    begin = max(_onset(window, expected_usd, evidence), window.end - HOUR)
    for scope in (Scope.of({**causes, **window.scope.as_dict()}), window.scope):
        if rows := evidence.dearest(scope, begin, window.end).to_pylist():
            break
    return tuple(
        Sample(trace_id=row["trace_id"].hex(), ended_at=row["ended_at"], model=row["model"], cost_usd=row["cost_usd"])
        for row in rows
    )


def rate_per_hour(window: Window, expected_usd: Decimal, evidence: Evidence) -> Decimal:
    """Excess an hour since the onset: calm minutes before it say nothing of what it burns. Of a minute at least."""
    beyond = _beyond(window, expected_usd, evidence)
    first = onset(beyond, np.ones(len(beyond)))
    lasted = max(window.end - (window.start + first * MINUTE), MINUTE)
    return Decimal(repr(float(beyond[first:].sum() * (HOUR / lasted)))).quantize(MICRODOLLAR)


def _onset(window: Window, expected_usd: Decimal, evidence: Evidence) -> datetime:
    """The minute of the window from which on it is odd."""
    beyond = _beyond(window, expected_usd, evidence)
    return window.start + onset(beyond, np.ones(len(beyond))) * MINUTE


def _beyond(window: Window, expected_usd: Decimal, evidence: Evidence) -> Floats:
    """(minutes,) excess in USD; what is expected comes evenly."""
    rows = evidence.by_minute(window.scope, window.start, window.end)
    first, minutes = to_minute(window.start), max(round((window.end - window.start) / MINUTE), 1)
    spent = np.zeros(minutes)
    for minute, cost_usd in zip(rows["minute"].to_pylist(), rows["cost_usd"].to_pylist(), strict=True):
        spent[min(to_minute(minute) - first, minutes - 1)] += float(cost_usd or 0)
    return spent - float(expected_usd) / minutes


def _with_prompts(usage: pa.Table) -> pa.Table:
    """Versions of prompts by their whole name: ``greeting@7``, or ``7`` where the prompt has none."""
    version = usage["prompt_version"]
    whole = pc.binary_join_element_wise(usage["prompt_name"], version, "@")
    place = usage.schema.get_field_index("prompt_version")
    return usage.set_column(place, "prompt_version", pc.coalesce(whole, version))
