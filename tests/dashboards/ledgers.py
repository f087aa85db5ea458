"""Lakes with known rows for the pages to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.warehouse.samples import flush_record, rows, span, stretch, usage
from warehouse.lake import Flush, Lake
from warehouse.settings import LakeSettings

HOSTILE = '<img src=x onerror="console.error(1)">'
CALLS = (
    ("acme", "chat", "gpt-4o", "12.345678901234"),
    ("acme", "search", "gpt-4o-mini", "0.004200000001"),
    ("globex", "chat", "gpt-4o", "7.5"),
    ("globex", HOSTILE, "gpt-4o", "1.25"),
    ("initech", "chat", "in-house-7b", None),
    (None, None, "gpt-4o", "0.5"),
)
"""Tenant, feature, model and cost of ten calls each; None = unknown."""


def total(tenant: str | None = "*") -> Decimal:
    """What the calls cost, of one tenant or of all."""
    return sum((Decimal(cost) for who, _, _, cost in CALLS if cost and tenant in ("*", who)), Decimal(0))


def settings(directory: Path) -> LakeSettings:
    """Where a test lake stands."""
    return LakeSettings(url=str(directory))


def make_empty_ledger(directory: Path) -> LakeSettings:
    """A lake that no worker has written to."""
    Lake.open(settings(directory), create=True)
    return settings(directory)


def make_ledger(directory: Path) -> LakeSettings:
    """A lake with CALLS in the last minutes, one unpriced call, dead letters and an open incident."""
    lake = Lake.open(settings(directory), create=True)
    now = datetime.now(UTC)
    minute = now.replace(second=0, microsecond=0)
    part = stretch(0, 100)
    spent = [
        usage(
            minute=minute,
            tenant=tenant,
            feature=feature,
            model=model,
            provider="openai",
            calls=10,
            priced_calls=10 if cost else 0,
            input_tokens=124_000,
            cached_input_tokens=24_000,
            output_tokens=1_000,
            cost_usd=cost,
            latency_hist=[{"index": 300, "count": 10}],
        )
        for tenant, feature, model, cost in CALLS
    ]
    unpriced = span(1, provider="ollama", request_model="in-house-7b", ended_at=now, price_status="unpriced_model")
    repaired = span(
        2, tenant="globex", convention="litellm_v1", ended_at=now, usage_semantics="otel+cache_outside_input"
    )
    judged = [
        {
            "outcome_id": f"o{n}",
            "observed_at": now,
            "tenant": who,
            "name": "success",
            "label": label,
            "source": "explicit",
        }
        for n, (who, label) in enumerate((("acme", "success"), ("acme", "success"), ("globex", "failure")))
    ]
    counted = {
        "sampled_at": now,
        "series": "s1",
        "tenant": "globex",
        "service": "silent-desk",
        "provider": "openai",
        "model": "gpt-4o",
        "token_type": "input",
        "cumulative": False,
        "tokens": 4_200,
        "calls": 7,
    }
    flushed = flush_record(
        part,
        first_record_at=now - timedelta(minutes=1),
        last_record_at=now - timedelta(seconds=1),
        flushed_at=now,
        dropped={"bad_payload": 3},
        suppressed={"same_span": 7},
        hidden={"hidden_value": 2, "long_name": 1},
    )
    lake.commit(
        Flush(
            ranges=(part,),
            tables={
                "usage": {part.app_id: rows("usage", *spent)},
                "spans": {part.app_id: rows("spans", unpriced | {"cost_usd": None}, repaired)},
                "outcomes": {part.app_id: rows("outcomes", *judged)},
                "token_samples": {part.app_id: rows("token_samples", counted)},
                "flushes": {part.app_id: rows("flushes", flushed)},
            },
        )
    )
    lake.append_once("incidents", rows("incidents", incident(now), outage(now)), "alerts", 0)
    return settings(directory)


def outage(now: datetime) -> dict[str, object]:
    """One event: calls of all tenants to a provider's model fail."""
    more = {"event_id": "e2", "incident_id": "i2", "tenant": None, "feature": None, "provider": "anthropic"}
    health = {"signal": "errors_provider", "measured": 0.31, "usual": 0.004, "affected": 120}
    amounts = dict.fromkeys(("observed_usd", "expected_usd", "excess_usd", "excess_usd_per_hour"), Decimal(0))
    scope = {"model": "opus", "scoped_by": ["provider", "model"], "contributors": []}
    return {**incident(now), **more, **health, **amounts, **scope}


def incident(now: datetime) -> dict[str, object]:
    """One event: an incident of globex / chat has opened."""
    contributor = {
        "dimension": "model",
        "value": "gpt-4o",
        "observed_usd": Decimal("7.5"),
        "expected_usd": Decimal("1.5"),
        "excess_usd": Decimal(6),
        "calls": 10,
    }
    return {
        "event_id": "e1",
        "incident_id": "i1",
        "sequence": 0,
        "event": "opened",
        "recorded_at": now,
        "window_start": now - timedelta(minutes=2),
        "window_end": now,
        "opened_at": now,
        "tenant": "globex",
        "feature": "chat",
        "signal": "spend",
        "severity": "high",
        "observed_usd": Decimal("7.5"),
        "expected_usd": Decimal("1.5"),
        "excess_usd": Decimal(6),
        "excess_usd_per_hour": Decimal(180),
        "contributors": [contributor],
        "summary": "globex / chat spends five times what it usually does",
    }


TRACE = bytes(range(16))


def make_busy_ledger(directory: Path) -> LakeSettings:
    """A lake with calls that stream, fail and are guarded; a trace of an agent, its call and its tool; an incident."""
    lake = Lake.open(settings(directory), create=True)
    now = datetime.now(UTC)
    minute = now.replace(second=0, microsecond=0)
    part = stretch(0, 100)
    plain = {"minute": minute, "tenant": "acme", "feature": "chat", "provider": "openai", "model": "gpt-4o"}
    used = [
        usage(**plain, calls=90, priced_calls=90, stream_calls=40, ttft_calls=20, cost_usd="9", route="primary",
              latency_hist=[{"index": 300, "count": 81}, {"index": 400, "count": 9}],
              ttft_hist=[{"index": 250, "count": 20}]),
        usage(**plain, calls=10, priced_calls=0, cost_usd=None, status="error", error_class="rate_limit", retries=4),
        usage(**plain | {"tenant": "globex"}, calls=5, priced_calls=0, cost_usd=None, status="cancelled"),
    ]  # fmt: skip
    checks = [
        {"minute": minute, "tenant": "acme", "events": 0, "checked_calls": 100},
        {"minute": minute, "tenant": "acme", "category": "prompt_injection", "events": 0, "checked_calls": 50},
        {"minute": minute, "tenant": "acme", "category": "prompt_injection", "action": "blocked", "events": 3},
        {"minute": minute, "tenant": "acme", "category": "any", "events": 0, "checked_calls": 50},
        {"minute": minute, "tenant": "acme", "category": "any", "action": "blocked", "events": 3},
    ]
    began = now - timedelta(seconds=10)
    spans = [_step(1, None, began, 3000, operation="invoke_agent", agent_name="planner"),
             _step(2, 1, began + timedelta(seconds=1), 1200, operation="chat", request_model="gpt-4o", billable=True,
                   cost_usd=Decimal("0.0042"), input_tokens=1240, output_tokens=17, ttft_ms=310.0, stream=True),
             _step(3, 1, began + timedelta(seconds=2), 400, operation="execute_tool", tool_name="search",
                   status="error", error_class="timeout")]  # fmt: skip
    lake.commit(
        Flush(
            ranges=(part,),
            tables={
                "usage": {part.app_id: rows("usage", *used)},
                "safety": {part.app_id: rows("safety", *({"checked_calls": 0} | one for one in checks))},
                "spans": {part.app_id: rows("spans", *spans)},
                "flushes": {part.app_id: rows("flushes", flush_record(part, flushed_at=now, last_record_at=now))},
            },
        )
    )
    known = {
        "tenant": "acme",
        "factors": [{"factor": "calls", "excess_usd": Decimal(6), "observed": 10.0, "expected": 2.0}],
        "changes": [{"dimension": "prompt_version", "value": "v7", "first_seen_at": now, "calls": 3, "cost_usd": None}],
        "samples": [{"trace_id": TRACE.hex(), "ended_at": now, "model": "gpt-4o", "cost_usd": Decimal("0.0042")}],
    }
    lake.append_once("incidents", rows("incidents", incident(now) | known), "alerts", 0)
    return settings(directory)


def _step(number: int, parent: int | None, began: datetime, took_ms: int, **values: object) -> dict[str, object]:
    told: dict[str, object] = {
        "trace_id": TRACE,
        "span_id": number.to_bytes(8),
        "parent_span_id": None if parent is None else parent.to_bytes(8),
        "started_at": began,
        "ended_at": began + timedelta(milliseconds=took_ms),
        "duration_ms": float(took_ms),
        "feature": "chat",
        "billable": False,
        "cost_usd": None,
        "price_status": None,
    }
    return span(number, **told | values)
