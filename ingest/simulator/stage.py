"""The stage a script plays on: appends steps to a task while a clock runs.

Calls that fail in a way that passes are tried up to three times with back-off where an application stands around them:
each attempt is a step of its own that points at the one before. A call that is all there is of a task is tried once.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from ingest.simulator import failures
from ingest.simulator.catalog import Feature, Model, Service
from ingest.simulator.routes import draw_route, pace_of, send
from ingest.simulator.seasons import draw_user, draw_version
from ingest.simulator.tasks import SECOND_NS, Call, Evaluation, Failure, Step, Task, Usage, Verdict

MAX_ATTEMPTS = 3
TOOL_FAILURE_RATE = 0.04
BREAK_RATE = 0.01  # of streams, that their caller leaves
WARM_SHARE = 0.8  # of calls, that find their prompt's head in the provider's cache
TRUNCATED_RATE = 0.02
CACHE_BLOCK_TOKENS = 128
HALF_HOUR_NS = 1800 * SECOND_NS


class Stage:
    """A task being played. Indices name its steps; ``now_ns`` is the task's own clock.

    ``aside``: dice of the task's own, for what changes neither its steps nor what comes after it.
    """

    def __init__(self, *, feature: Feature, rng: Random, started_at_ns: int) -> None:
        self.feature = feature
        self.rng = rng
        self.now_ns = started_at_ns
        self._steps: list[Step] = []
        self.prompt_version = draw_version(feature, rng, started_at_ns)
        self._task_id = f"task-{rng.getrandbits(64):016x}"
        self._user = draw_user(feature.tenant, rng, started_at_ns)
        self._session_id = f"{self._user}-{rng.randrange(3)}-{started_at_ns // HALF_HOUR_NS}"
        self.aside = Random(self._task_id)  # noqa: S311 - a workload, no secret
        self._route = draw_route(feature, self.aside)

    def wait(self, low_s: float, high_s: float) -> None:
        """Let between ``low_s`` and ``high_s`` pass."""
        self.now_ns += int(self.rng.uniform(low_s, high_s) * SECOND_NS)

    def open(self, operation: str, name: str, *, parent: int | None = None, service: Service | None = None) -> int:
        """Start a step that others may stand under; finish() gives it its end."""
        return self._append(
            Step(
                operation=operation,
                name=name,
                service=service or self.feature.service,
                parent=parent,
                started_at_ns=self.now_ns,
                ended_at_ns=self.now_ns,
            )
        )

    def finish(self, index: int, *, verdict: Verdict | None = None, evaluations: tuple[Evaluation, ...] = ()) -> None:
        """End an open step a moment after the last thing in it."""
        self.wait(0.001, 0.01)
        step = replace(self._steps[index], ended_at_ns=self.now_ns, verdict=verdict, evaluations=evaluations)
        self._steps[index] = step

    def tool(self, *, parent: int) -> None:
        """Run one of the feature's tools."""
        started = self.now_ns
        self.wait(0.03, 0.9)
        self._append(
            Step(
                operation="execute_tool",
                name=self.rng.choice(self.feature.tools),
                service=self.feature.service,
                parent=parent,
                started_at_ns=started,
                ended_at_ns=self.now_ns,
                failure=failures.break_tool(self.rng) if self.rng.random() < TOOL_FAILURE_RATE else None,
            )
        )

    def embed(
        self, model: Model, *, parent: int, service: Service | None = None, input_tokens: int | None = None
    ) -> bool:
        """Make one embeddings call."""
        median = input_tokens or self.feature.input_tokens
        usage = Usage(input_tokens=min(self._around(median), model.context_tokens))
        call = Call(model=model, usage=usage, answered=True)
        return self._insist(call, parent=parent, seconds=0.15, operation="embeddings", service=service)

    def call(
        self,
        *,
        parent: int | None,
        model: Model | None = None,
        growth: float = 1.0,
        finish_reason: str = "stop",
        misparse_rate: float = 0.0,
    ) -> bool:
        """Make one chat call; False where it failed in the end."""
        call = self.draw_call(model or self.feature.model, growth=growth, finish_reason=finish_reason)
        return self._insist(call, parent=parent, seconds=_answer_seconds(call), misparse_rate=misparse_rate)

    def draw_call(
        self, model: Model, *, growth: float = 1.0, output_growth: float = 1.0, finish_reason: str = "stop"
    ) -> Call:
        """A chat call with the feature's token counts, its context and its answer scaled."""
        feature, rng = self.feature, self.rng
        room = model.context_tokens * 9 // 10
        input_tokens = min(int(self._around(feature.input_tokens) * growth), room)
        output_tokens = max(1, int(self._around(feature.output_tokens) * output_growth))
        warm = rng.random() < WARM_SHARE
        cacheable = int(input_tokens * feature.cached_share) // CACHE_BLOCK_TOKENS * CACHE_BLOCK_TOKENS
        return Call(
            model=model,
            usage=Usage(
                input_tokens=input_tokens,
                cached_input_tokens=cacheable if warm else 0,
                cache_write_tokens=cacheable if not warm and model.provider == "anthropic" else 0,
                output_tokens=output_tokens,
                reasoning_tokens=int(output_tokens * rng.uniform(0.2, 0.7)) if model.reasoning else 0,
            ),
            answered=True,
            stream=feature.stream,
            ttft_ns=int(rng.lognormvariate(-0.9, 0.45) * SECOND_NS) if feature.stream else None,
            finish_reason="length" if rng.random() < TRUNCATED_RATE else finish_reason,
            prompt_version=self.prompt_version,
        )

    def close(self, *, outcome: str | None, safe: str | None = None) -> Task:
        """The task as it was played."""
        return Task(
            task_id=self._task_id,
            feature=self.feature,
            user_id=self._user,
            session_id=self._session_id,
            outcome=outcome,
            safe=safe,
            steps=tuple(self._steps),
        )

    def attempt(
        self,
        call: Call,
        failure: Failure | None,
        *,
        parent: int | None,
        seconds: float,
        operation: str = "chat",
        service: Service | None = None,
        number: int = 1,
        retry_of: int | None = None,
    ) -> int:
        """Make one attempt at ``call`` that ends as told; the router sends chats alone."""
        started = self.now_ns
        if operation == "chat":
            call = send(call, self._route, number)
        self._let_pass(seconds * pace_of(call.route), failure)
        return self._append(
            Step(
                operation=operation,
                name=call.model.name,
                service=service or self.feature.service,
                parent=parent,
                started_at_ns=started,
                ended_at_ns=self.now_ns,
                call=call,
                failure=failure,
                attempt=number,
                retry_of=retry_of,
            )
        )

    def _insist(
        self,
        call: Call,
        *,
        parent: int | None,
        seconds: float,
        operation: str = "chat",
        service: Service | None = None,
        misparse_rate: float = 0.0,
    ) -> bool:
        """Repeat ``call`` until it works, fails for good, or was tried often enough."""
        previous: int | None = None
        for number in range(1, (MAX_ATTEMPTS if parent is not None else 1) + 1):
            failure, made = self._fate(call, misparse_rate)
            previous = self.attempt(
                made,
                failure,
                parent=parent,
                seconds=seconds,
                operation=operation,
                service=service,
                number=number,
                retry_of=previous,
            )
            if failure is None:
                return True
            if failure.error_class not in failures.RETRYABLE | {"parse_error"}:
                return False
            self.wait(0.4 * 2**number, 0.6 * 2**number)
        return False

    def _fate(self, call: Call, misparse_rate: float) -> tuple[Failure | None, Call]:
        """How one attempt ends, and the call as it is then known."""
        rng, rate = self.rng, self.feature.failure_rate
        drawn = rng.random()
        if drawn < rate:
            refused = replace(call, usage=None, answered=False, ttft_ns=None, finish_reason=None)
            return failures.refuse(failures.draw_class(rng), call.model), refused
        if call.stream and drawn < rate + BREAK_RATE:
            return failures.break_stream(), replace(call, usage=None, finish_reason=None)
        if drawn > 1.0 - misparse_rate:
            return failures.misparse(), call
        return None, call

    def _let_pass(self, seconds: float, failure: Failure | None) -> None:
        """An answer takes ``seconds``, a refusal a moment, a timeout long."""
        if failure is None or failure.error_class in {"parse_error", "cancelled"}:
            self.wait(seconds * 0.8, seconds * 1.3)
        elif failure.error_class == "timeout":
            self.wait(8.0, 10.0)
        else:
            self.wait(0.08, 0.4)

    def _around(self, median: int) -> int:
        """A token count around ``median``, skewed to the right as real ones are."""
        return max(1, int(median * self.rng.lognormvariate(0.0, 0.35)))

    def _append(self, step: Step) -> int:
        self._steps.append(step)
        return len(self._steps) - 1


def _answer_seconds(call: Call) -> float:
    """How long the answer takes: the first token, then the rest at the model's pace."""
    output_tokens = call.usage.output_tokens if call.usage else 0
    first = (call.ttft_ns or 0.4 * SECOND_NS) / SECOND_NS
    return first * 1.3 + output_tokens / call.model.output_tokens_per_s
