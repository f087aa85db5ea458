"""What happened, before it has a name on the wire: tasks, their steps, and the model calls among them.

A task is a tree of steps in one trace. Times are UTC nanoseconds, token counts follow the canonical call:
``input_tokens`` includes cached and cache-write tokens, ``output_tokens`` includes reasoning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.simulator.catalog import Feature, Model, Service

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts as the provider bills them."""

    input_tokens: int
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a model. ``usage`` is None where the provider reported none (it refused, or the stream broke)."""

    model: Model
    usage: Usage | None
    answered: bool  # the provider named the model it answered with
    stream: bool = False
    ttft_ns: int | None = None
    finish_reason: str | None = None
    prompt_version: str | None = None
    route: str | None = None

    @property
    def billed_model(self) -> str:
        """The response model, else the request model."""
        return self.model.response_name if self.answered else self.model.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a step failed: the canonical class, and how the client library says it."""

    error_class: str
    exception: str
    message: str
    http_status: int | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a guardrail decided; no category means that it found nothing."""

    action: str  # canonical: allowed, blocked, redacted
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One judgement of a step by an evaluator."""

    name: str
    score: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One span to be: ``parent`` and ``retry_of`` are indices of earlier steps of the same task."""

    operation: str  # canonical: chat, embeddings, execute_tool, retrieval, guardrail, invoke_agent, task
    name: str  # of the model, tool, data source, guardrail, agent or workflow
    service: Service
    parent: int | None
    started_at_ns: int
    ended_at_ns: int
    call: Call | None = None
    usual_call: Call | None = None  # of a call that an incident made dearer: what it would have been
    incident: int | None = None  # index of the incident that made this step, or made its call dearer
    failure: Failure | None = None
    attempt: int = 1
    retry_of: int | None = None
    verdict: Verdict | None = None
    evaluations: tuple[Evaluation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One piece of work for one user. ``outcome`` and ``safe`` (safe, unsafe) stand on step 0; None is unknown."""

    task_id: str
    feature: Feature
    user_id: str
    session_id: str
    outcome: str | None
    steps: tuple[Step, ...]
    safe: str | None = None

    @property
    def started_at_ns(self) -> int:
        """When the first step starts."""
        return self.steps[0].started_at_ns

    @property
    def ended_at_ns(self) -> int:
        """When the last step ends."""
        return max(step.ended_at_ns for step in self.steps)

    def with_steps(self, steps: tuple[Step, ...]) -> Task:
        """The same task with other steps."""
        return replace(self, steps=steps)
