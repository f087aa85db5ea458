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
