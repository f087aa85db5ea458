"""What the named questions answer, on lakes small enough to count by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from math import ceil, log
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import APP, NOON, flush_record, rows, span, stretch, usage
from warehouse.errors import BadQuestion
from warehouse.lake import Flush
from warehouse.questions import load_question, question_names
from warehouse.questions.parameters import Parameter
from warehouse.questions.question import parse_question
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import HISTOGRAM_GAMMA, HISTOGRAM_ZERO
from warehouse.settings import LakeSettings

Ask = Callable[..., list[dict[str, Any]]]
Holding = Callable[..., Ask]
HOUR = timedelta(hours=1)


@pytest.fixture
def holding(tmp_path: Path) -> Holding:
    """Makes a lake with the given records by table and gives a way to ask it."""

    def hold(**tables: list[Mapping[str, Any]]) -> Ask:
        settings = LakeSettings(url=str(tmp_path / "lake"))
        lake = open_lake(settings)
        part = stretch(0, 100)
        incidents = tables.pop("incidents", [])
        filled = {name: {part.app_id: rows(name, *records)} for name, records in tables.items()}
        lake.commit(Flush(ranges=(part,), tables=filled))
        lake.append_once("incidents", rows("incidents", *incidents), "alerts", 0)
        warehouse = Warehouse(settings)
        return lambda question, **params: warehouse.ask(question, ALL, **params).to_pylist()

    return hold


def pick(answer: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of an answer."""
    return [tuple(row[name] for name in names) for row in answer]


def test_spend_adds_up_by_dimensions_the_dearest_first(holding: Holding):
    ask = holding(
        usage=[
            usage(tenant="acme", feature="chat", cost_usd="0.000000000001"),
            usage(tenant="acme", feature="chat", cost_usd="2", minute=NOON + HOUR),
            usage(tenant="acme", feature=None, cost_usd="5"),
            usage(tenant="beta", feature="chat", cost_usd="3", calls=4),
        ]
    )

    assert pick(ask("spend", by="tenant,feature"), "tenant", "feature", "calls", "cost_usd") == [
        ("acme", None, 1, Decimal(5)),
        ("beta", "chat", 4, Decimal(3)),
        ("acme", "chat", 2, Decimal("2.000000000001")),
    ]
    assert pick(ask("spend", by=()), "calls", "cost_usd") == [(7, Decimal("10.000000000001"))]


def test_spend_over_time_is_in_the_order_of_time(holding: Holding):
    ask = holding(usage=[usage(minute=NOON + k * HOUR, cost_usd=k + 1) for k in (30, 1, 0)])

    by_hour = ask("spend", bucket="hour", by=())
    by_day = ask("spend", bucket="day", by="tenant")

    assert pick(by_hour, "bucket", "cost_usd") == [(NOON, 1), (NOON + HOUR, 2), (NOON + 30 * HOUR, 31)]
    assert pick(by_day, "bucket", "tenant", "cost_usd") == [
        (datetime(2026, 3, 1, tzinfo=UTC), "acme", 3),
        (datetime(2026, 3, 2, tzinfo=UTC), "acme", 31),
    ]


def test_the_window_of_spend_is_half_open(holding: Holding):
    ask = holding(usage=[usage(minute=NOON + timedelta(minutes=k), cost_usd=10**k) for k in range(4)])

    window = {"start": NOON + timedelta(minutes=1), "end": NOON + timedelta(minutes=3)}

    assert pick(ask("spend", **window), "cost_usd") == [(Decimal(110),)]


def test_unknown_cost_is_null_beside_the_share_that_is_priced(holding: Holding):
    ask = holding(
        usage=[
            usage(tenant="acme", cost_usd=None, calls=3),
            usage(tenant="acme", cost_usd=1),
            usage(tenant="beta", cost_usd=None),
        ]
    )

    assert pick(ask("spend"), "tenant", "cost_usd", "priced_share", "priced_tokens_share") == [
        ("acme", Decimal(1), 0.25, 0.5),
        ("beta", None, 0.0, 0.0),
    ]


def test_unknown_tokens_are_null_and_not_zero(holding: Holding):
    ask = holding(usage=[usage(input_tokens=None, output_tokens=None, priced_tokens=None), usage(input_tokens=7)])

    assert pick(ask("spend"), "input_tokens", "output_tokens", "reasoning_tokens") == [(7, 10, None)]


def test_errors_and_retries_are_counted_in_calls(holding: Holding):
    ask = holding(usage=[usage(status="error", calls=3, retries=2), usage(status="cancelled"), usage(status=None)])

    assert pick(ask("spend"), "calls", "errors", "retries") == [(5, 3, 2)]


def test_tags_are_a_dimension_as_a_whole_and_one_by_one(holding: Holding):
    ask = holding(usage=[usage(tags={"team": "red", "tier": "a"}), usage(tags={"team": "red"}), usage(tags=None)])

    assert pick(ask("spend", by="tags.team"), "tags.team", "calls") == [("red", 2), (None, 1)]
    assert sorted(row["calls"] for row in ask("spend", by="tags")) == [1, 1, 1]


def buckets(values_ms: list[float]) -> list[dict[str, int]]:
    """A histogram of values, one bucket a value."""
    indices = (ceil(log(x) / log(HISTOGRAM_GAMMA)) if x > 0 else HISTOGRAM_ZERO for x in values_ms)
    return [{"index": index, "count": 1} for index in indices]


def exact(values_ms: list[float], share: float) -> float:
    """The smallest value that at least this share does not exceed."""
    return sorted(values_ms)[ceil(share * len(values_ms)) - 1]


def test_percentiles_of_merged_histograms_are_within_one_percent(holding: Holding):
    dice = random.Random(7)
    fast, slow = ([dice.lognormvariate(mu, 1) for _ in range(200)] for mu in (4, 7))
    ask = holding(
        usage=[
            usage(feature="f", latency_hist=buckets(fast[:50]), ttft_hist=buckets(slow)),
            usage(feature="f", latency_hist=buckets(fast[50:])),
            usage(feature="g", latency_hist=buckets(slow)),
        ]
    )

    by_feature = {row["feature"]: row for row in ask("spend", by="feature")}
    total = ask("spend", by=())[0]

    for row, values in ((by_feature["f"], fast), (by_feature["g"], slow), (total, fast + slow)):
        assert row["latency_p50_ms"] == pytest.approx(exact(values, 0.5), rel=0.01)
        assert row["latency_p95_ms"] == pytest.approx(exact(values, 0.95), rel=0.01)
    assert by_feature["f"]["ttft_p95_ms"] == pytest.approx(exact(slow, 0.95), rel=0.01)
    assert by_feature["g"]["ttft_p50_ms"] is None


def test_coverage_says_of_how_many_calls_a_percentile_speaks(holding: Holding):
    times = {"latency_hist": buckets([9] * 6), "ttft_hist": buckets([3, 3, 3]), "tpot_hist": buckets([2.0])}
    ask = holding(
        usage=[
            usage(feature="f", calls=8, stream_calls=4, ttft_calls=3, **times),
            usage(feature="f", calls=2, stream_calls=2),
            usage(feature="g", calls=5, stream_calls=0),
        ]
    )

    answer = {row["feature"]: row for row in ask("spend", by="feature")}

    shares = [answer["f"][f"{measure}_coverage"] for measure in ("latency", "ttft", "tpot")]
    assert shares == [0.6, 0.5, pytest.approx(1 / 6)]
    assert answer["f"]["tpot_p95_ms"] == pytest.approx(2.0, rel=0.01)
    assert (answer["g"]["latency_coverage"], answer["g"]["ttft_coverage"]) == (0.0, None)


def test_the_percentile_of_no_time_at_all_is_zero(holding: Holding):
    ask = holding(usage=[usage(latency_hist=buckets([0, 0, 0, 500]))])

    assert pick(ask("spend"), "latency_p50_ms") == [(0.0,)]


def test_calls_are_those_that_a_way_to_fail_counts(holding: Holding):
    ask = holding(
        spans=[
            span(1, status="error", error_class="rate_limit"),
            span(2, status="error"),
            span(3, status="cancelled"),
            span(4),
        ]
    )

    def found(**how: str) -> list[int]:
        return sorted(int.from_bytes(row["trace_id"]) for row in ask("calls", **how))

    assert found(status="error") == [1, 2]
    assert found(status="error", error_class="rate_limit") == [1]
    assert found(status="error", error_class="unattributed") == [2]
    assert found(status="cancelled", error_class="unattributed") == [3]


def test_calls_are_the_billable_ones_the_latest_first(holding: Holding):
    ask = holding(
        spans=[
            span(1, feature="chat", request_model="small"),
            span(2, ended_at=NOON + HOUR, response_model="large-1", request_model="large"),
            span(3, billable=False),
        ]
    )

    assert pick(ask("calls"), "trace_id", "model") == [((2).to_bytes(16), "large-1"), ((1).to_bytes(16), "small")]
    assert pick(ask("calls", limit=1), "model") == [("large-1",)]
    assert pick(ask("calls", feature="chat"), "model") == [("small",)]
    assert pick(ask("calls", model="large-1"), "model") == [("large-1",)]
    assert pick(ask("calls", trace_id=(1).to_bytes(16).hex()), "model") == [("small",)]
    assert pick(ask("calls", start=NOON + HOUR, end=NOON + 2 * HOUR), "model") == [("large-1",)]


def test_unpriced_calls_are_listed_by_model_and_reason(holding: Holding):
    ask = holding(
        spans=[
            span(1, provider="p", request_model="new", price_status="unpriced_model", cost_usd=None, input_tokens=5),
            span(2, provider="p", request_model="new", price_status="unpriced_model", cost_usd=None, input_tokens=6),
            span(3, provider="p", request_model="new", price_status="usage_missing", cost_usd=None),
            span(4, provider="p", request_model="new"),
            span(5, provider="p", request_model="gift", price_status="free", cost_usd=0),
            span(6, request_model="new", billable=False, price_status=None, cost_usd=None),
        ]
    )

    assert pick(ask("unpriced"), "provider", "model", "price_status", "calls", "share", "input_tokens") == [
        ("p", "new", "unpriced_model", 2, 0.5, 11),
        ("p", "new", "usage_missing", 1, 0.25, None),
    ]


def test_outcomes_are_counted_once_by_what_was_judged_and_by_whom(holding: Holding):
    plain = {"observed_at": NOON, "received_at": NOON, "tenant": "acme", "name": "success", "source": "explicit"}
    ask = holding(
        outcomes=[
            plain | {"outcome_id": "1", "label": "failure", "score": 0.0},
            plain | {"outcome_id": "1", "label": "success", "score": 1.0, "received_at": NOON + HOUR},  # told again
            plain | {"outcome_id": "2", "label": "failure", "score": 0.0, "tenant": "beta"},
            plain | {"outcome_id": "3", "label": "who knows"},
            plain | {"outcome_id": "4", "name": "helpful", "source": "evaluator", "score": 4.0},
            plain | {"outcome_id": "5", "observed_at": NOON + HOUR},
            plain | {"outcome_id": "6", "name": "groundedness", "source": "evaluator", "label": "Ungrounded"},
        ]
    )

    names = ("name", "source", "outcomes", "good", "bad", "scored", "score_mean", "tenants")
    assert pick(ask("outcomes", end=NOON + HOUR), *names) == [
        ("success", "explicit", 3, 1, 1, 2, 0.5, 2),
        ("groundedness", "evaluator", 1, 0, 1, 0, None, 1),
        ("helpful", "evaluator", 1, None, None, 1, 4.0, 1),
    ]


def test_hidden_names_are_counted_by_rule_and_topic(holding: Holding):
    part = stretch(0, 1)
    ask = holding(
        flushes=[
            flush_record(part, flushed_at=NOON, hidden={"long_name": 2, "hidden_value": 0}),
            flush_record(part, flushed_at=NOON, topic="otlp_logs", hidden={"long_name": 1}),
            flush_record(part, flushed_at=NOON + HOUR, hidden={"hidden_value": 4}),
            flush_record(part, flushed_at=NOON),
        ]
    )

    assert pick(ask("hidden", end=NOON + HOUR), "rule", "topic", "names") == [
        ("long_name", "otlp_spans", 2),
        ("long_name", "otlp_logs", 1),
    ]


def test_repairs_are_counted_by_rule_and_by_who_wrote_the_counts(holding: Holding):
    ask = holding(
        spans=[
            span(1, convention="litellm_v1", usage_semantics="inclusive+cache_outside_input"),
            span(2, convention="litellm_v1", usage_semantics="exclusive"),
            span(3, convention="litellm_v1", usage_semantics="inclusive+cache_outside_input", billable=False),
            span(4, usage_semantics="refused+impossible_part+audio_beyond_input", cost_usd=None),
            span(5, usage_semantics="inclusive+impossible_part", ended_at=NOON + HOUR),
            span(6, usage_semantics=None),
        ]
    )

    assert pick(ask("repairs", end=NOON + HOUR), "rule", "outcome", "convention", "spans", "calls", "share") == [
        ("cache_outside_input", "repaired", "litellm_v1", 2, 1, 0.5),
        ("audio_beyond_input", "refused", None, 1, 1, 0.5),
        ("impossible_part", "refused", None, 1, 1, 0.5),
    ]


def flushes(*records: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Records of ``flushes``, each for the stream and offsets that it names."""
    return [
        flush_record(stretch(r.get("first_offset", 0), r["next_offset"], r.get("app_id", APP))) | r for r in records
    ]


def test_the_pipeline_tells_lag_freshness_and_rate_of_each_partition(holding: Holding):
    seconds = timedelta(seconds=1)
    ask = holding(
        flushes=flushes(
            {"next_offset": 10, "spans": 100, "flushed_at": NOON - 600 * seconds},
            {
                "first_offset": 10,
                "next_offset": 30,
                "end_offset": 42,
                "spans": 600,
                "last_record_at": NOON - 3 * seconds,
                "flushed_at": NOON - 1 * seconds,
                "dropped": {"bad_payload": 2, "empty": 1},
                "gap_messages": 4,
            },
            {"next_offset": 5, "app_id": "cluster/topic/1"},
        )
    )

    names = ("partition", "next_offset", "lag_messages", "freshness_ms", "idle_s", "spans_per_s", "spans", "dropped")
    assert pick(ask("pipeline", now=NOON, rate_s=300), *names, "gap_messages") == [
        (0, 30, 12, 2000, 1.0, 2.0, 700, 3, 4),
        (1, 5, 0, 0, 0.0, 5 / 300, 5, 0, 0),
    ]


def test_a_recreated_topic_takes_the_place_of_the_old_one(holding: Holding):
    ask = holding(
        flushes=flushes(
            {"next_offset": 900, "end_offset": 1000, "flushed_at": NOON - HOUR},
            {"next_offset": 5, "app_id": "cluster/again/0"},
        )
    )

    assert pick(ask("pipeline", now=NOON), "app_id", "next_offset") == [("cluster/again/0", 5)]
    assert pick(ask("watermark", now=NOON), "watermark", "streams") == [(NOON, 1)]


def test_dead_letters_are_counted_by_reason(holding: Holding):
    ask = holding(
        flushes=flushes(
            {"next_offset": 10, "messages": 10, "dropped": {"empty": 1, "bad_payload": 2}},
            {"next_offset": 30, "messages": 30, "dropped": {"bad_payload": 6}, "app_id": "cluster/topic/1"},
            {"next_offset": 40, "dropped": {"empty": 9}, "flushed_at": NOON + HOUR},
        )
    )

    assert pick(ask("dead_letters", end=NOON + HOUR), "reason", "dropped", "share", "partitions") == [
        ("bad_payload", 8, 0.2, 2),
        ("empty", 1, 0.025, 1),
    ]


@pytest.mark.parametrize(
    ("records", "watermark", "behind"),
    [
        ([], None, 0),
        ([{"next_offset": 5}], NOON, 0),
        ([{"next_offset": 5, "end_offset": 9, "last_record_at": NOON - HOUR}], NOON - HOUR, 1),
        ([{"next_offset": 5, "end_offset": None, "last_record_at": NOON - HOUR}], NOON - HOUR, 1),
        ([{"next_offset": 5, "end_offset": 9, "last_record_at": NOON + HOUR}], NOON, 1),
        (
            [
                {"next_offset": 5, "end_offset": 9, "last_record_at": NOON - HOUR},
                {"next_offset": 5, "app_id": "cluster/topic/1", "last_record_at": NOON - 2 * HOUR},
            ],
            NOON - HOUR,
            1,
        ),
    ],
    ids=["no flush", "caught up", "behind", "unknown end", "a clock ahead", "one behind"],
)
def test_the_watermark_is_the_smallest_record_time_of_partitions_that_are_behind(
    records: list[dict[str, Any]], watermark: datetime | None, behind: int, holding: Holding
):
    ask = holding(flushes=flushes(*records))

    assert pick(ask("watermark", now=NOON), "watermark", "streams_behind") == [(watermark, behind)]


def event(incident: str, sequence: int, kind: str, **values: Any) -> dict[str, Any]:
    """One event of an incident that opened at noon and costs more with every event."""
    return {
        "event_id": f"{incident}{sequence}{kind}",
        "incident_id": incident,
        "sequence": sequence,
        "event": kind,
        "recorded_at": NOON + timedelta(minutes=sequence),
        "opened_at": NOON,
        "tenant": "acme",
        "excess_usd": Decimal(sequence + 1),
    } | values


LIVES = [
    event("a", 0, "opened"),
    event("a", 0, "notified", channel="webhook"),
    event("a", 0, "notified", channel="alertmanager"),
    event("a", 1, "updated", excess_usd=Decimal(50)),
    event("b", 0, "opened"),
    event("b", 1, "resolved"),
    event("c", 0, "opened", excess_usd=Decimal(90)),
]


def test_incidents_stand_as_their_last_event_left_them_the_worst_open_one_first(holding: Holding):
    ask = holding(incidents=LIVES)

    assert pick(ask("incidents"), "incident_id", "state", "excess_usd", "updates", "notified", "resolved_at") == [
        ("c", "open", Decimal(90), 0, [], None),
        ("a", "open", Decimal(50), 1, ["alertmanager", "webhook"], None),
        ("b", "resolved", Decimal(2), 0, [], NOON + timedelta(minutes=1)),
    ]
    assert pick(ask("incidents", state="open"), "incident_id") == [("c",), ("a",)]
    assert pick(ask("incidents", state="resolved"), "incident_id") == [("b",)]
    assert pick(ask("status"), "open_incidents") == [(2,)]


def test_incidents_of_health_name_the_provider_and_what_was_measured(holding: Holding):
    health = {"tenant": None, "provider": "openai", "measured": 0.31, "usual": 0.004, "affected": 120}

    ask = holding(incidents=[event("h", 0, "opened", excess_usd=Decimal(0), **health)])

    assert pick(ask("incidents"), "provider", "measured", "usual", "affected") == [("openai", 0.31, 0.004, 120)]


def test_incident_events_are_all_events_in_order(holding: Holding):
    ask = holding(incidents=list(reversed(LIVES)))

    found = pick(ask("incident_events", start=NOON + timedelta(minutes=1)), "incident_id", "event")

    assert found == [("a", "updated"), ("b", "resolved")]
    assert len(ask("incident_events")) == len(LIVES)


def test_safety_events_stand_beside_the_calls_that_were_checked(holding: Holding):
    plain = {"minute": NOON, "tenant": "acme", "events": 0, "checked_calls": 0}
    ask = holding(
        safety=[
            plain | {"checked_calls": 10, "feature": "chat"},
            plain | {"checked_calls": 30, "feature": "search"},
            plain | {"events": 2, "category": "pii", "action": "masked", "feature": "chat"},
            plain | {"events": 4, "category": "pii", "action": "blocked", "feature": "search"},
            plain | {"events": 1, "category": "violence", "action": None, "tenant": "beta"},
        ]
    )

    names = ("category", "action", "events", "checked_calls", "event_rate")
    assert pick(ask("safety"), "tenant", *names) == [
        ("acme", "pii", "blocked", 4, 40, 0.1),
        ("acme", "pii", "masked", 2, 40, 0.05),
        ("beta", "violence", None, 1, 0, None),
    ]
    assert pick(ask("safety", by="feature")[1:2], "feature", *names) == [("chat", "pii", "masked", 2, 10, 0.2)]


def test_the_status_is_the_ledger_in_one_row(holding: Holding):
    ask = holding(
        usage=[usage(tenant="acme", calls=3, cost_usd=2), usage(tenant=None, cost_usd=None, minute=NOON + HOUR)],
        flushes=flushes({"next_offset": 10, "spans": 12, "messages": 10, "dropped": {"empty": 1}}),
    )

    names = ("calls", "cost_usd", "tenants", "first_minute", "last_minute", "messages", "spans", "dropped")
    assert pick(ask("status", now=NOON), "asked_at", *names, "provisional") == [
        (NOON, 4, Decimal(2), 1, NOON, NOON + HOUR, 10, 12, 1, True)
    ]


def test_integrity_sets_each_tables_account_beside_the_others(holding: Holding):
    ask = holding(
        spans=[span(1), span(1), span(2, billable=False, cost_usd=None)],
        usage=[usage(calls=2, cost_usd=2)],
        flushes=flushes({"next_offset": 2, "spans": 3}),
    )

    names = ("spans", "distinct_spans", "billable_spans", "usage_calls", "flushed_spans")
    assert pick(ask("integrity"), *names) == [(3, 2, 2, 2, 3)]
    assert pick(ask("integrity"), "spans_cost_usd", "usage_cost_usd") == [(Decimal(2), Decimal(2))]


def parameter(kind: str) -> Parameter:
    """A parameter of one kind."""
    return Parameter(name="it", kind=kind, table="usage", default="", help="")


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        (date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01 13:00:00+01:00", NOON),
        (NOON.astimezone(timezone(HOUR)), NOON),
        ("", None),
        (None, None),
    ],
)
def test_times_are_dates_or_instants_with_a_zone(given: object, value: datetime | None):
    assert parameter("time").parse(given) == value


@pytest.mark.parametrize(
    ("kind", "given", "reason"),
    [
        ("time", "yesterday", "must be a date or an RFC 3339 time"),
        ("time", "2026-03-01T12:00:00", "with its zone"),
        ("time", 12, "with its zone"),
        (
            "hour",
            "2026-03-01T12:30:00Z",
            "the books are kept by the hour: must be a whole one, like 2026-03-01T12:00:00Z",
        ),
        ("hour", "2026-03-01T12:00:00-03:30", "like 2026-03-01T15:00:00Z"),
        ("dimensions", "colour", "no dimension 'colour'; there are tenant, feature"),
        ("dimensions", "tenant,,feature", "no dimension ''"),
        ("dimensions", "tags.", "no dimension 'tags.'"),
        ("dimensions", "tenant,tenant", "named twice"),
        ("bucket", "week", "must be one of minute, hour, day"),
        ("state", "ajar", "must be one of open, resolved, all"),
        ("whole", "-1", "whole number"),
        ("whole", "many", "must be a whole number"),
    ],
)
def test_what_no_parameter_can_be_is_refused_with_what_it_may(kind: str, given: object, reason: str):
    with pytest.raises(BadQuestion, match=f"^it = {given!r}: .*{reason}"):
        parameter(kind).parse(given)


@pytest.mark.parametrize("name", ["errors", "settled-errors"])
def test_what_each_row_tells_is_nothing_to_group_by(name: str):
    with pytest.raises(BadQuestion, match=f"each row of {name} tells its error_class in any case; leave it out"):
        load_question(name).parse({"by": "tenant,error_class"})


def test_a_window_that_holds_nothing_is_refused():
    with pytest.raises(BadQuestion, match="must be before end"):
        load_question("spend").parse({"start": NOON, "end": NOON})


@pytest.mark.parametrize("name", sorted(set(question_names()) - {"chargeback", "unpriced", "reconciliation"}))
def test_windows_of_what_is_kept_by_the_hour_are_whole_hours(name: str):
    question = load_question(name)
    sums_up = {"ledger", "tasks", "user_days", "safety_hours"} & question.reads.keys()

    kinds = {one.kind for one in question.takes if one.name.endswith(("start", "end"))}

    assert kinds <= ({"hour"} if sums_up else {"time"})


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_no_day_that_begins_within_an_hour_is_made_of_what_is_kept_by_the_hour(zone: str):
    books = load_question("settled-spend")

    told = f"zone = '{zone}': the books are kept by the hour .* or ask `spend` without as_of_settlement,"
    with pytest.raises(BadQuestion, match=told):
        books.parse({"zone": zone, "bucket": "day"})
    assert load_question("spend").parse({"zone": zone, "bucket": "day"})["zone"] == zone
    assert books.parse({"zone": zone})["zone"] == zone
    assert books.parse({"zone": "Europe/Berlin", "bucket": "day"})["bucket"] == "day"


def test_a_name_cannot_smuggle_sql(holding: Holding):
    ask = holding(usage=[usage(tags={"it's": "x"})])

    assert pick(ask("spend", by="tags.it's"), "tags.it's", "calls") == [("x", 1)]


def test_a_header_that_cannot_be_read_says_which_line():
    with pytest.raises(ValueError, match=r"odd\.sql: cannot read `takes colour`"):
        parse_question("odd", "-- Odd.\n-- takes colour\nSELECT 1")


def sample(minute: int, tokens: int, **values: Any) -> dict[str, Any]:
    """One record of ``token_samples``: what a counter of input tokens said some minutes after noon."""
    plain = {"series": "a", "tenant": "acme", "service": "shop", "model": "m", "token_type": "input"}
    times = {"counted_since": NOON, "sampled_at": NOON + timedelta(minutes=minute)}
    return plain | times | {"cumulative": True, "tokens": tokens, "calls": tokens // 10} | values


def test_a_service_that_counts_tokens_and_sends_no_spans_is_named(holding: Holding):
    ask = holding(token_samples=[sample(1, 100), sample(1, 30, series="b", token_type="output")])

    (row,) = ask("metered")

    assert (row["service"], row["model"], row["tokens_in"], row["tokens_out"], row["calls"]) == (
        "shop",
        "m",
        100,
        30,
        10,
    )


def test_metrics_of_a_service_that_sends_spans_are_left_out(holding: Holding):
    ask = holding(
        token_samples=[sample(1, 100), sample(1, 50, series="b", service="desk")], usage=[usage(service="shop")]
    )

    assert pick(ask("metered"), "service", "tokens_in") == [("desk", 50)]


def test_metrics_without_a_tenant_are_of_a_service_whose_spans_tell_one(holding: Holding):
    """The usual application of several tenants: spans name theirs, metrics are the process's."""
    of_process, of_another = sample(1, 100, tenant=None), sample(1, 50, series="b", tenant="globex")

    ask = holding(token_samples=[of_process, of_another], usage=[usage(service="shop")])

    assert pick(ask("metered"), "tenant", "tokens_in") == [("globex", 50)]


def test_a_cumulative_count_is_taken_once_also_when_it_is_sent_again_or_starts_anew(holding: Holding):
    restarted = {"counted_since": NOON + timedelta(minutes=4)}
    ask = holding(
        token_samples=[sample(1, 100), sample(2, 150), sample(2, 150), sample(3, 150), sample(5, 20, **restarted)]
    )

    assert pick(ask("metered"), "tokens_in", "calls") == [(170, 17)]
    later = ask("metered", start=NOON + timedelta(minutes=2), end=NOON + timedelta(minutes=5))
    assert pick(later, "tokens_in") == [(50,)]


def test_delta_counts_add_and_one_sent_again_does_not(holding: Holding):
    deltas = [
        sample(minute, 10, cumulative=False, counted_since=NOON + timedelta(minutes=minute - 1)) for minute in (1, 2, 2)
    ]

    assert pick(holding(token_samples=deltas)("metered"), "tokens_in") == [(20,)]


def test_coverage_stands_beside_every_percentile_of_calls():
    for name in question_names():
        question = load_question(name)
        for measures in (question.gives, question.table):
            timed = {measure.rpartition("_p")[0] for measure in measures if measure.endswith("_ms") and "_p" in measure}
            assert {f"{one}_coverage" for one in timed} <= set(measures), name
