"""Backfill: copies of encoded tasks are what the SDK would have written, and the truth counts each of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from random import Random

import numpy as np
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from ingest.simulator import Simulation, Workload
from ingest.simulator.backfill import DAY_NS, Batch, fill
from ingest.simulator.catalog import FEATURES, Feature
from ingest.simulator.copies import Bytes, Pattern, Whose, join
from ingest.simulator.scripts import play
from ingest.simulator.stage import HALF_HOUR_NS
from ingest.simulator.tally import Tally
from ingest.simulator.tasks import SECOND_NS, Task
from ingest.simulator.tracing import Tracers
from ingest.simulator.traffic import Traffic
from tests.ingest.simulated import NOON_NS, JumpingClock, Remembering, tally

LATER_NS = 3 * HALF_HOUR_NS + 12_345_678_901
TRAFFIC = Traffic(calls_per_s=0.2, seed="fill")


@cache
def _filled(start_ns: int, end_ns: int) -> list[Batch]:
    batches: list[Batch] = []
    fill(TRAFFIC, start_ns, end_ns, lambda _, batch: batches.append(batch), goes_on=lambda _: True)
    return batches


def _spans(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def _moved(task: Task) -> Task:
    """The task at another time, of another user, under another name."""
    start_ns = task.started_at_ns + LATER_NS
    session = task.session_id.removeprefix(task.user_id).rpartition("-")[0]
    user = task.user_id[::-1]
    return replace(
        task,
        task_id=f"task-{'0123456789abcdef'[::-1]}",
        user_id=user,
        session_id=f"{user}{session}-{start_ns // HALF_HOUR_NS}",
        steps=tuple(
            replace(step, started_at_ns=step.started_at_ns + LATER_NS, ended_at_ns=step.ended_at_ns + LATER_NS)
            for step in task.steps
        ),
    )


def _written(task: Task) -> tuple[ExportTraceServiceRequest, bytes, list[bytes]]:
    """What the SDK makes of it: the request, the trace's id, and those of its spans by step."""
    ended: list[ReadableSpan] = []
    tracers = Tracers(Random(7), lambda _, spans: ended.extend(spans))
    spans = tracers.start(task)
    for span, step in zip(spans, task.steps, strict=True):
        span.end(step.ended_at_ns)
    tracers.flush()
    contexts = [span.get_span_context() for span in spans]
    return encode_spans(ended), contexts[0].trace_id.to_bytes(16), [one.span_id.to_bytes(8) for one in contexts]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_copy_is_what_the_sdk_writes_of_such_a_task(feature: Feature):
    for number in range(40):
        task = play(feature, Random(f"{feature.name}/{number}"), NOON_NS + number * SECOND_NS)
        moved, pattern = _moved(task), Pattern(task)
        expected, trace_id, span_ids = _written(moved)
        drawn = pattern.draw(np.array([moved.started_at_ns]), [moved.user_id], np.random.default_rng(1))
        drawn = replace(
            drawn,
            traces=np.frombuffer(trace_id, np.uint8)[None],
            spans=np.frombuffer(b"".join(span_ids), np.uint8).reshape(1, -1, 8),
            tasks=np.frombuffer(moved.task_id[-16:].encode(), np.uint8)[None],
        )
        made: dict[Whose, list[Bytes]] = {whose: [spans] for whose, spans in pattern.copy(drawn)}

        copy = ExportTraceServiceRequest.FromString(join(made))

        assert sorted(map(str, copy.resource_spans)) == sorted(map(str, expected.resource_spans))


def test_every_copy_has_ids_of_its_own_and_lies_in_its_time():
    start_ns = NOON_NS - NOON_NS % DAY_NS
    batches = _filled(start_ns + DAY_NS // 4, start_ns + DAY_NS)

    spans = [span for batch in batches for span in _spans(batch.body)]

    assert len({span.span_id for span in spans}) == len(spans) > 1000
    assert min(span.start_time_unix_nano for span in spans) >= start_ns + DAY_NS // 4
    assert max(span.end_time_unix_nano for span in spans) < start_ns + DAY_NS
    users = {a.value.string_value for span in spans for a in span.attributes if a.key in ("user.id", "enduser.id")}
    assert len(users) > 100


def test_a_trace_is_whole_in_one_request():
    seen: Counter[bytes] = Counter()
    for batch in _filled(NOON_NS, NOON_NS + DAY_NS // 4):
        seen.update({span.trace_id for span in _spans(batch.body)})

    assert set(seen.values()) == {1}


def test_arrivals_are_as_many_as_those_that_are_played():
    end_ns = NOON_NS + DAY_NS // 4
    copied = Counter[str]()
    for batch in _filled(NOON_NS, end_ns):
        copied.update({task.feature.name: 0 for task, _ in batch.copies})
        for task, starts_ns in batch.copies:
            copied[task.feature.name] += len(starts_ns)
    played = Counter(task.feature.name for task in TRAFFIC.tasks(NOON_NS, end_ns))

    for name, count in played.items():
        assert abs(copied[name] - count) < 6 * (count + copied[name]) ** 0.5  # Poisson: six standard deviations


def test_the_truth_of_copies_is_that_of_the_tasks_that_they_are():
    counted, tasks = Tally(), []
    for batch in _filled(NOON_NS, NOON_NS + DAY_NS // 8):
        for task, starts_ns in batch.copies:
            counted.acknowledge_copies(task, starts_ns.tolist())
            tasks += [_at(task, start_ns) for start_ns in starts_ns.tolist()]

    assert counted.truth() == tally(tasks)


def _at(task: Task, start_ns: int) -> Task:
    moved_ns = start_ns - task.started_at_ns
    return task.with_steps(
        tuple(
            replace(step, started_at_ns=step.started_at_ns + moved_ns, ended_at_ns=step.ended_at_ns + moved_ns)
            for step in task.steps
        )
    )


class _Taking:
    """Takes batches; the first one is refused."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.refused = 0

    def __call__(self, _tenant: str) -> _Taking:
        return self

    def export(self, batch: Batch) -> SpanExportResult:
        if not self.refused:
            self.refused += 1
            return SpanExportResult.FAILURE
        self.bodies.append(batch.body)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to give back."""


def test_a_backfill_lies_before_the_history_without_a_gap_and_counts_once():
    workload = Workload(calls_per_s=0.5, seed="s", backfill_s=7200, history_s=600, live_s=0)
    taking, played = _Taking(), Remembering()

    truth = Simulation(workload, played, stop=threading.Event(), clock=JumpingClock(), batches=taking).run()

    copied = [span for body in taking.bodies for span in _spans(body)]
    border_ns = NOON_NS - 600 * SECOND_NS
    assert truth.spans == len(copied) + len(played.spans)
    assert border_ns - 300 * SECOND_NS < max(span.end_time_unix_nano for span in copied) < border_ns
    assert min(span.start_time or 0 for span in played.spans) >= border_ns


def test_the_same_seed_fills_in_the_same():
    again: list[Batch] = []
    fill(TRAFFIC, NOON_NS, NOON_NS + DAY_NS // 8, lambda _, batch: again.append(batch), goes_on=lambda _: True)

    assert [batch.body for batch in again] == [batch.body for batch in _filled(NOON_NS, NOON_NS + DAY_NS // 8)]
