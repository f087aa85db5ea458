"""Columns of every Delta table: the contract between the worker, the questions and any other reader of the lake.

Money is ``decimal128(38, 12)`` USD; times are UTC microseconds; ids are raw bytes; NULL is unknown, never zero.
Appending a column is a change of version, renaming one is not done.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

USD = pa.decimal128(38, 12)
TIME = pa.timestamp("us", tz="UTC")
HISTOGRAM = pa.list_(pa.struct([pa.field("index", pa.int32()), pa.field("count", pa.int64())]))
"""Exponential buckets: ``index = ceil(log(x) / log(HISTOGRAM_GAMMA))`` of a value in milliseconds."""
HISTOGRAM_GAMMA = 1.02
"""With g = 1.02 bucket i is (g^(i-1), g^i]; its estimate 2 g^i / (g+1) is off by at most (g-1)/(g+1) = 0.991 %."""
HISTOGRAM_ZERO = -698
"""Index of the bucket of values below a nanosecond, zero among them: its estimate is 0."""
COUNTS = pa.map_(pa.string(), pa.int64())
TEXTS = pa.map_(pa.string(), pa.string())
AMOUNTS = pa.map_(pa.string(), pa.float64())


def _fields(names: str, kind: pa.DataType) -> list[pa.Field]:
    return [pa.field(name, kind) for name in names.split()]


TOKEN_KINDS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
)
"""``input_tokens`` includes the cached, cache-write and audio ones; ``output_tokens`` includes reasoning and audio."""

COST_KINDS = ("input_cost_usd", "cached_cost_usd", "cache_write_cost_usd", "output_cost_usd", "other_cost_usd")
"""Disjoint parts of ``cost_usd``: they add up to it exactly."""

BILLABLE_OPERATIONS = ("chat", "text_completion", "embeddings", "rerank", "image", "speech", "transcription")
OTHER_OPERATIONS = ("execute_tool", "retrieval", "guardrail", "evaluation", "invoke_agent", "task")

SPANS = pa.schema(
    [
        pa.field("day", pa.date32()),  # UTC day of ended_at; the partition
        *_fields("trace_id span_id parent_span_id", pa.binary()),
        *_fields("tenant feature principal environment service user_id session_id task_id", pa.string()),
        *_fields("started_at ended_at original_ended_at", TIME),
        *_fields("duration_ms ttft_ms tpot_ms", pa.float64()),
        *_fields("operation provider request_model response_model", pa.string()),
        pa.field("stream", pa.bool_()),
        *_fields(" ".join(TOKEN_KINDS), pa.int64()),
        *_fields("cost_usd " + " ".join(COST_KINDS), USD),
        *_fields("price_status price_version", pa.string()),
        pa.field("reported_cost_usd", USD),
        *_fields("status error_class", pa.string()),
        pa.field("http_status", pa.int32()),
        *_fields("finish_reason safety_category guardrail_action", pa.string()),
        *_fields("pii_detected injection_detected", pa.bool_()),
        *_fields("response_id prompt_name prompt_version route", pa.string()),
        pa.field("attempt", pa.int32()),
        *_fields("tool_name agent_name service_version service_tier server_address host pod", pa.string()),
        pa.field("provider_account", pa.string()),
        pa.field("units", AMOUNTS),
        pa.field("tags", TEXTS),
        pa.field("billable", pa.bool_()),
        pa.field("suppressed_by", pa.binary()),  # span_id of the billed span; NULL where nothing replaces this one
        *_fields("usage_semantics convention scope_version", pa.string()),
        pa.field("clock_skew", pa.bool_()),
        pa.field("source_partition", pa.int32()),
        pa.field("source_offset", pa.int64()),
        pa.field("received_at", TIME),
    ]
)
"""One row is one GenAI span of one Kafka record; append-only.

``day``: UTC day of ``ended_at``, the partition. ``trace_id span_id parent_span_id``: raw bytes, 16, 8 and 8.
``tenant feature principal environment service``: whose call it is; NULL = unattributed; ``principal`` holds the
credential. ``user_id``: HMAC of the tenant's user. ``started_at`` sets the price, ``ended_at`` the minute and the hour;
``original_ended_at``: what the span said where its clock was not believed (``clock_skew``).
``duration_ms ttft_ms tpot_ms``: whole call, to the first token, per output token after it.
``price_status``: priced, unpriced_model, usage_missing, reported_only, free; NULL where ``billable`` is false.
``price_version``: the rates used; ``reported_cost_usd``: what the span itself claimed, never billed.
``status``: ok, error, cancelled; ``error_class finish_reason``: classes, never texts. ``attempt``: 1 = the first try.
``units``: what is billed otherwise (searches, images, audio seconds …); ``tags``: attribute keys that settings declare.
``suppressed_by``: span_id of the billed span that says the same. ``usage_semantics``: how input tokens were counted.
``convention scope_version``: which instrumentation spoke. ``source_partition source_offset received_at``: the record.
"""

USAGE_DIMENSIONS = (
    "tenant",
    "feature",
    "principal",
    "environment",
    "service",
    "provider",
    "model",
    "service_tier",
    "operation",
    "stream",
    "route",
    "prompt_name",
    "prompt_version",
    "status",
    "error_class",
    "tags",
)

USAGE = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("minute", TIME),
        *_fields("tenant feature principal environment service provider model service_tier operation", pa.string()),
        pa.field("stream", pa.bool_()),
        *_fields("route prompt_name prompt_version status error_class", pa.string()),
        pa.field("tags", TEXTS),
        *_fields("calls priced_calls stream_calls ttft_calls retries", pa.int64()),
        *_fields(" ".join(TOKEN_KINDS) + " priced_tokens", pa.int64()),
        *_fields(" ".join(COST_KINDS) + " cost_usd", USD),
        *_fields("latency_hist ttft_hist tpot_hist", HISTOGRAM),
    ]
)
"""A partial sum of the billable calls that ended in ``minute``: readers always group, all measures add.

``model``: of the response, else requested. ``priced_calls``: calls whose cost is known; ``priced_tokens``: their input
and output tokens. ``stream_calls``: calls that stream; ``ttft_calls``: calls that carry a TTFT; ``retries``: calls with
``attempt`` above 1. ``latency_hist ttft_hist tpot_hist``: HISTOGRAM of milliseconds.
"""

SAFETY = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("minute", TIME),
        *_fields("tenant feature service model category action", pa.string()),
        *_fields("events checked_calls", pa.int64()),
    ]
)
"""Events have an action or a category and ``checked_calls`` = 0; rows of checks have no action and ``events`` = 0.

Without a category: all billable calls. Category ``any``: spans, each once, whatever they tell; the other categories
count what spans tell of, which may be several, and are not added to each other. Which spans are checks of which
category: ``docs/safety.md``.
"""

OUTCOMES = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("outcome_id", pa.string()),
        pa.field("observed_at", TIME),
        *_fields("trace_id span_id", pa.binary()),
        *_fields("response_id task_id session_id tenant feature name label", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("source", pa.string()),  # human, explicit, evaluator, heuristic
        pa.field("review_minutes", pa.float64()),
        pa.field("source_topic", pa.string()),
        pa.field("source_partition", pa.int32()),
        pa.field("source_offset", pa.int64()),
        pa.field("received_at", TIME),
    ]
)
"""``name``: success, groundedness, helpfulness, review …; ``label``: success, failure, safe, unsafe … as reported."""

GPU_SAMPLES = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("sampled_at", TIME),
        *_fields("gpu_uuid gpu_model mig_profile host pod model_server tenant", pa.string()),
        pa.field("gpu_index", pa.int32()),
        *_fields("utilisation memory_used_bytes memory_total_bytes power_watts energy_joules", pa.float64()),
        *_fields("requests_running requests_waiting kv_cache_utilisation", pa.float64()),
        pa.field("source_partition", pa.int32()),
        pa.field("source_offset", pa.int64()),
        pa.field("received_at", TIME),
    ]
)
"""One GPU at ``sampled_at``: ``utilisation`` and ``kv_cache_utilisation`` are 0..1; NULL where nobody says."""

TOKEN_SAMPLES = pa.schema(
    [
        pa.field("day", pa.date32()),
        *_fields("counted_since sampled_at", TIME),
        *_fields("series tenant feature environment service provider model operation token_type", pa.string()),
        pa.field("cumulative", pa.bool_()),
        *_fields("tokens calls", pa.int64()),
        pa.field("source_partition", pa.int32()),
        pa.field("source_offset", pa.int64()),
        pa.field("received_at", TIME),
    ]
)
"""What a metric says that ``series`` counted up to ``sampled_at``: never added to the tokens of spans.

``cumulative``: since ``counted_since``, where a later sample of the series contains an earlier one; else between the
two. ``token_type``: input, output, cached_input, cache_write or reasoning. ``calls``: observations; NULL where the
metric is a counter.
"""

FLUSHES = pa.schema(
    [
        pa.field("day", pa.date32()),
        *_fields("flush_id app_id topic", pa.string()),
        pa.field("partition", pa.int32()),
        *_fields("first_offset next_offset end_offset gap_messages", pa.int64()),  # [first, next); end = high watermark
        *_fields("first_record_at last_record_at flushed_at", TIME),
        *_fields("messages bytes spans billable_spans", pa.int64()),
        pa.field("rows", COUNTS),  # rows by table
        pa.field("dropped", COUNTS),  # dead letters and other drops by reason
        pa.field("suppressed", COUNTS),  # spans not billed, by once rule
        pa.field("duration_ms", pa.float64()),
        pa.field("worker", pa.string()),
        pa.field("hidden", COUNTS),  # names replaced by their hash, by rule
    ]
)
"""One flush of one partition: offsets ``[first_offset, next_offset)`` of stream ``app_id``.

``app_id``: cluster id / topic id / partition. ``end_offset``: the partition's end when the flush began, NULL = unknown;
lag = ``end_offset - next_offset``. ``gap_messages``: offsets that Kafka no longer had. ``first_record_at
last_record_at``: record times, the source of the watermark. ``rows`` by table, ``dropped`` by reason (dead letters and
others), ``suppressed`` by once rule, ``hidden``: names that were credentials, addresses or texts, by rule; their rows
stand. ``duration_ms``: making the rows, before the commit. ``worker``: who.
"""

CONTRIBUTOR = pa.struct(
    [
        pa.field("dimension", pa.string()),  # feature, model, principal …
        pa.field("value", pa.string()),
        pa.field("observed_usd", USD),
        pa.field("expected_usd", USD),
        pa.field("excess_usd", USD),
        pa.field("calls", pa.int64()),
    ]
)

INCIDENTS = pa.schema(
    [
        pa.field("day", pa.date32()),  # UTC day of recorded_at
        *_fields("event_id incident_id", pa.string()),
        pa.field("sequence", pa.int32()),  # 0, 1, … within the incident
        pa.field("event", pa.string()),  # opened, updated, escalated, resolved, acknowledged, silenced, notified, …
        *_fields("recorded_at window_start window_end opened_at", TIME),
        *_fields("tenant feature signal severity", pa.string()),
        *_fields("observed_usd expected_usd excess_usd excess_usd_per_hour", USD),
        pa.field("contributors", pa.list_(CONTRIBUTOR)),
        *_fields("summary channel actor note", pa.string()),
    ]
)
"""One event in an incident's life (``alerts.incidents`` names them); an incident is the fold of its events.

Amounts are about ``[window_start, window_end)``. ``sequence`` of a notice is that of the event it is about, ``channel``
who took it. ``contributors``: what explains the excess, by dimension and value.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """One Delta table: its columns, the time that questions prune by, and its partition column."""

    schema: pa.Schema
    time: str
    partition_by: str = "day"


TABLES: dict[str, TableSpec] = {
    "outcomes": TableSpec(schema=OUTCOMES, time="observed_at"),
    "usage": TableSpec(schema=USAGE, time="minute"),
    "safety": TableSpec(schema=SAFETY, time="minute"),
    "gpu_samples": TableSpec(schema=GPU_SAMPLES, time="sampled_at"),
    "token_samples": TableSpec(schema=TOKEN_SAMPLES, time="sampled_at"),
    "spans": TableSpec(schema=SPANS, time="ended_at"),
    "flushes": TableSpec(schema=FLUSHES, time="flushed_at"),
    "incidents": TableSpec(schema=INCIDENTS, time="recorded_at"),
}

COMMIT_ORDER = ("outcomes", "usage", "safety", "gpu_samples", "token_samples", "spans", "flushes")
"""The order in which one flush commits its tables (design, section 4, step 3)."""
