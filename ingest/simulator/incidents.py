"""Incidents: what makes one feature's spend jump to 10 to 15 times that of its busiest hour, and how that comes about.

=============  =================================================================================================
retry_loop     answers that do not parse are asked for again and again; every attempt is paid for
prompt_bloat   a new prompt version carries fifteen times the input
runaway_agent  one agent task turns in circles for hundreds of steps
key_leak       a stranger's process and new users spray expensive calls with the feature's key
model_swap     the feature is switched to a much dearer model
traffic_surge  fifteen times the tasks of the busiest hour
=============  =================================================================================================

Loops, leaks and surges are paced against what the feature is expected to spend in its busiest hour, so they show at any
``--rate`` and time; bloat and swap change the ordinary calls, fifteen times as dear, and need some to change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ingest.simulator.catalog import Feature, find_feature
from ingest.simulator.swaps import dearer_model
from ingest.simulator.tasks import SECOND_NS
from ingest.simulator.traffic import usd_per_task

SHORTEST_S = 10.0
DEFAULT_START_S = 10.0
DEFAULT_DURATION_S = 60.0

_SPEC = re.compile(
    r"(?P<kind>[a-z_]+)(:(?P<tenant>[^/@]+)/(?P<feature>[^@]+))?"
    r"(@(?P<start>-?\d+(\.\d+)?[smh]?)(\+(?P<duration>\d+(\.\d+)?[smh]?))?)?"
)
_UNIT_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSpec:
    """An incident as asked for: seconds count from the start of the live part, negative ones lie in the history."""

    kind: str
    feature: Feature
    start_s: float
    duration_s: float

    @classmethod
    def parse(cls, text: str) -> IncidentSpec:
        """``kind[:tenant/feature][@start[+duration]]``, times like 20, 90s, 5m, -6h. Raises ValueError in one line."""
        match = _SPEC.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is no incident; write kind[:tenant/feature][@start[+duration]]")
        kind = match["kind"]
        if kind not in DEFAULT_TARGETS:
            raise ValueError(f"there is no incident {kind!r}; choose one of {', '.join(DEFAULT_TARGETS)}")
        duration_s = _seconds(match["duration"], DEFAULT_DURATION_S)
        if duration_s < SHORTEST_S:
            raise ValueError(f"an incident of {duration_s:g} s is too short to be seen; give it {SHORTEST_S:g} or more")
        tenant, name = (match["tenant"], match["feature"]) if match["tenant"] else DEFAULT_TARGETS[kind]
        feature = _suitable_feature(tenant, name)
        if kind == "model_swap":
            dearer_model(feature)
        start_s = _seconds(match["start"], DEFAULT_START_S)
        return cls(kind=kind, feature=feature, start_s=start_s, duration_s=duration_s)

    def at(self, origin_ns: int, *, index: int, until_ns: int | None = None) -> Incident:
        """The incident in the time of a run whose live part starts at ``origin_ns``; it is over by ``until_ns``."""
        started_at_ns = origin_ns + int(self.start_s * SECOND_NS)
        ended_at_ns = started_at_ns + int(self.duration_s * SECOND_NS)
        return Incident(
            kind=self.kind,
            index=index,
            feature=self.feature,
            started_at_ns=started_at_ns,
            ended_at_ns=ended_at_ns if until_ns is None else min(ended_at_ns, until_ns),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident of a run, ``[started_at_ns, ended_at_ns)``."""

    kind: str
    index: int
    feature: Feature
    started_at_ns: int
    ended_at_ns: int

    def holds(self, at_ns: int) -> bool:
        """Whether it is going on at that time."""
        return self.started_at_ns <= at_ns < self.ended_at_ns

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return (self.ended_at_ns - self.started_at_ns) / SECOND_NS


def _suitable_feature(tenant: str, name: str) -> Feature:
    try:
        feature = find_feature(tenant, name)
    except KeyError as error:
        raise ValueError(error.args[0]) from error
    if feature.script == "index":
        raise ValueError(f"{tenant}/{name} makes embeddings only; choose a feature that chats")
    if not usd_per_task(feature):
        raise ValueError(f"{tenant}/{name} uses a model without a price, so its spend cannot jump; choose another")
    return feature


def _seconds(text: str | None, default: float) -> float:
    if text is None:
        return default
    unit = _UNIT_S.get(text[-1])
    return float(text) if unit is None else float(text[:-1]) * unit


DEFAULT_TARGETS = {
    "retry_loop": ("acme", "support-chat"),
    "prompt_bloat": ("acme", "support-chat"),
    "runaway_agent": ("hooli", "code-assistant"),
    "key_leak": ("acme", "support-chat"),
    "model_swap": ("acme", "support-chat"),
    "traffic_surge": ("acme", "support-chat"),
}
