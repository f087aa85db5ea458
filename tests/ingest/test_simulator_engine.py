"""The engine makes of the simulator's spans exactly the simulator's truth: two ways to one sum."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ingest.gateway.outlet import MemoryOutlet
from ingest.simulator import IncidentSpec, Simulation, Target, Truth, Workload
from ingest.simulator.naming.wire import ANSWER, PROMPT
from ingest.simulator.truth import TOKEN_KINDS
from processors.engine import Engine, process_range
from processors.messages import Message, Processed
from processors.settings import WorkerSettings
from tests.ingest.gateway.serving import serving
from tests.ingest.simulated import NOON_NS, JumpingClock
from warehouse.once.safety import ANY

WORKLOAD = Workload(
    calls_per_s=1.0,
    seed="engine",
    backfill_s=1800,
    history_s=1200,
    live_s=0,
    incidents=(IncidentSpec.parse("retry_loop@-10m+1m"), IncidentSpec.parse("key_leak@-15m+1m")),
)


@pytest.fixture(scope="module")
def both() -> tuple[Truth, Processed]:
    """The truth of a simulation, and what the engine makes of its Kafka records."""
    outlet = MemoryOutlet()
    with serving(outlet=outlet) as gateway:
        target = Target(endpoint=gateway.url)
        simulation = Simulation(
            WORKLOAD, target.exporter, stop=threading.Event(), clock=JumpingClock(), batches=target.batch_exporter
        )
        truth = simulation.run()
    messages = [
        Message(topic="otlp_spans", partition=0, offset=offset, received_at_us=NOON_NS // 1000, value=record.value)
        for offset, record in enumerate(outlet.records)
    ]
    return truth, process_range(messages, Engine.of(WorkerSettings(), user_key=bytes(32)))


def _total(table: pa.Table, column: str) -> Any:
    return pc.sum(table[column]).as_py()


def test_every_span_is_there_once_and_none_was_dropped(both: tuple[Truth, Processed]) -> None:
    truth, processed = both

    assert processed.tables["spans"].num_rows == truth.spans
    assert not processed.dropped
    assert not processed.suppressed


def test_calls_tokens_and_cost_agree_to_the_picodollar(both: tuple[Truth, Processed]) -> None:
    truth, usage = both[0], both[1].tables["usage"]

    assert _total(usage, "calls") == truth.calls
    assert _total(usage, "priced_calls") == truth.priced_calls
    assert _total(usage, "retries") == truth.retries
    assert _total(usage, "cost_usd") == truth.cost_usd
    assert {kind: _total(usage, kind) for kind in TOKEN_KINDS} == dict(truth.tokens)


def test_every_line_of_tenant_feature_and_model_agrees(both: tuple[Truth, Processed]) -> None:
    truth, usage = both[0], both[1].tables["usage"]

    sums = usage.group_by(["tenant", "feature", "model"]).aggregate(
        [("calls", "sum"), ("priced_calls", "sum"), ("cost_usd", "sum")]
    )

    found = {
        (row["tenant"], row["feature"], row["model"]): (
            row["calls_sum"],
            row["priced_calls_sum"],
            row["cost_usd_sum"] if row["priced_calls_sum"] else None,  # usage rows add up, so theirs is 0
        )
        for row in sums.to_pylist()
    }
    assert found == {
        (line.tenant, line.feature, line.model): (line.calls, line.priced_calls, line.cost_usd) for line in truth.by
    }


def test_outcomes_evaluations_and_guardrail_events_agree(both: tuple[Truth, Processed]) -> None:
    truth, tables = both[0], both[1].tables

    outcomes = Counter(row["label"] for row in tables["outcomes"].to_pylist() if row["name"] == "success")
    safe = Counter(row["label"] for row in tables["outcomes"].to_pylist() if row["name"] == "safe")
    said = ("success", "safe")
    evaluations = Counter(row["name"] for row in tables["outcomes"].to_pylist() if row["name"] not in said)
    safety: Counter[str] = Counter()
    for row in tables["safety"].to_pylist():
        if row["category"] == ANY:
            safety[row["action"]] += row["events"]

    assert outcomes == {label: n for label, n in truth.outcomes.items() if label != "unknown"}
    assert safe == {label: n for label, n in truth.safe.items() if label != "unknown"}
    assert safe["safe"] > 0
    assert evaluations == truth.evaluations
    assert safety["redacted"] == sum(line.events for line in truth.safety if line.action == "redacted") > 0


def test_calls_agree_route_by_route(both: tuple[Truth, Processed]) -> None:
    truth, processed = both

    calls: Counter[str] = Counter()
    for row in processed.tables["usage"].to_pylist():
        if row["route"] is not None:
            calls[row["route"]] += row["calls"]

    assert calls == truth.routes
    assert set(calls) == {"primary", "canary", "fallback"}


def test_tasks_users_and_sessions_are_known(both: tuple[Truth, Processed]) -> None:
    truth, spans = both[0], both[1].tables["spans"]

    assert len(pc.unique(spans["task_id"])) == truth.tasks
    assert spans["user_id"].null_count == spans["session_id"].null_count == spans["task_id"].null_count == 0


def test_failed_calls_agree_class_by_class(both: tuple[Truth, Processed]) -> None:
    truth, spans = both[0], both[1].tables["spans"]

    failed = spans.filter(pc.and_(spans["billable"], pc.not_equal(spans["status"], "ok")))["error_class"]

    assert {row["values"]: row["counts"] for row in failed.value_counts().to_pylist()} == truth.errors


def test_failed_steps_that_are_no_calls_agree(both: tuple[Truth, Processed]) -> None:
    truth, spans = both[0], both[1].tables["spans"]

    others = spans.filter(pc.invert(spans["billable"]))["error_class"].drop_null()

    assert {row["values"]: row["counts"] for row in others.value_counts().to_pylist()} == truth.other_errors


def test_no_content_of_the_simulator_is_in_the_tables(both: tuple[Truth, Processed]) -> None:
    text = str([both[1].tables[name].to_pylist() for name in ("spans", "usage", "outcomes", "safety")])

    assert PROMPT not in text
    assert ANSWER not in text
    assert "jane.doe" not in text
