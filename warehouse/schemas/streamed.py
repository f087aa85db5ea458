"""Columns of the tables that workers and alerts write as things happen; nothing in them is ever updated."""

from __future__ import annotations

import pyarrow as pa

from warehouse.schemas.kinds import AMOUNTS, COST_KINDS, COUNTS, HISTOGRAM, TEXTS, TIME, TOKEN_KINDS, USD, fields

BILLABLE_OPERATIONS = ("chat", "text_completion", "embeddings", "rerank", "image", "speech", "transcription")
OTHER_OPERATIONS = ("execute_tool", "retrieval", "guardrail", "evaluation", "invoke_agent", "task")

SPANS = pa.schema(
    [
        pa.field("day", pa.date32()),  # UTC day of ended_at; the partition
        *fields("trace_id span_id parent_span_id", pa.binary()),
        *fields("tenant feature principal environment service user_id session_id task_id", pa.string()),
        *fields("started_at ended_at original_ended_at", TIME),
        *fields("duration_ms ttft_ms tpot_ms", pa.float64()),
        *fields("operation provider request_model response_model", pa.string()),
        pa.field("stream", pa.bool_()),
        *fields(" ".join(TOKEN_KINDS), pa.int64()),
        *fields("cost_usd " + " ".join(COST_KINDS), USD),
        *fields("price_status price_version", pa.string()),
        pa.field("reported_cost_usd", USD),
        *fields("status error_class", pa.string()),
        pa.field("http_status", pa.int32()),
        *fields("finish_reason safety_category guardrail_action safety_findings", pa.string()),
        *fields("pii_detected injection_detected", pa.bool_()),
        *fields("response_id prompt_name prompt_version route", pa.string()),
        pa.field("attempt", pa.int32()),
        *fields("tool_name agent_name service_version service_tier server_address host pod", pa.string()),
        pa.field("provider_account", pa.string()),
        pa.field("namespace", pa.string()),
        pa.field("server_port", pa.int32()),
        pa.field("units", AMOUNTS),
        pa.field("tags", TEXTS),
        pa.field("billable", pa.bool_()),
        pa.field("suppressed_by", pa.binary()),  # span_id of the billed span; NULL where nothing replaces this one
        *fields("usage_semantics convention scope_name scope_version", pa.string()),
        pa.field("late_chunk_at", TIME),
        *fields("tenant_rank feature_rank usage_rank", pa.int32()),
        *fields("role as_told", pa.string()),
        pa.field("clock_skew", pa.bool_()),
        pa.field("source_partition", pa.int32()),
        pa.field("source_offset", pa.int64()),
        pa.field("received_at", TIME),
    ]
)
"""One row is one GenAI span of one Kafka record; append-only.

``day``: UTC day of ``ended_at``, the partition. ``trace_id span_id parent_span_id``: raw bytes, 16, 8 and 8.
``tenant feature principal environment service``: whose call it is; NULL = unattributed; ``principal`` holds the
credential. ``user_id``: keyed hash of the end user, the same for all tenants. ``started_at`` sets the price,
``ended_at`` the minute and the hour; ``original_ended_at``: what the span said where its clock was not believed
(``clock_skew``).
``duration_ms ttft_ms tpot_ms``: whole call, to the first token, per output token after it.
``price_status``: priced, unpriced_model, usage_missing, reported_only, free; NULL where ``billable`` is false.
``price_version``: the rates used; ``reported_cost_usd``: what the span itself claimed, never billed.
``status``: ok, error, cancelled; ``error_class finish_reason``: classes, never texts. ``attempt``: 1 = the first try;
of a client library that tries again by itself the last one.
``safety_findings``: categories that the span tells of, ``category=action`` pairs parted by blanks, the strongest first;
an empty action is the span's, ``-`` nobody's. NULL: no other than ``safety_category``, or of a version that kept none.
``units``: what is billed otherwise (searches, images, audio seconds …); ``tags``: attribute keys that settings declare.
``suppressed_by``: span_id of the billed span that says the same. ``usage_semantics``: how input tokens were counted.
``convention scope_name scope_version``: which instrumentation spoke. ``late_chunk_at``: when a stream that was handed
over gave its first chunk, after the span's own end, by the producer's clock; else NULL.
``tenant_rank feature_rank``: how good the key was that told the name, as ``docs/attributes.md`` ranks them: 0 gateway
header, 1 explicit key, 2 team, organisation; workflow, function, resource, 3 ``service.namespace``; agent; 4 more where
another span lent it; NULL: no name, or written by a version that did not say. ``usage_rank``: how good the token counts
are, 0 is best; NULL: unknown, or no usage. ``role``: what the span is to the once rules, as
``processors.normalise`` has it. ``as_told``: a JSON object of what the span itself told in columns that say something
else by now (instants in microseconds since the epoch, amounts as text); NULL: nothing, or likewise.
``source_partition source_offset received_at``: the record.
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
        *fields("tenant feature principal environment service provider model service_tier operation", pa.string()),
        pa.field("stream", pa.bool_()),
        *fields("route prompt_name prompt_version status error_class", pa.string()),
        pa.field("tags", TEXTS),
        *fields("calls priced_calls stream_calls ttft_calls retries", pa.int64()),
        *fields(" ".join(TOKEN_KINDS) + " priced_tokens", pa.int64()),
        *fields(" ".join(COST_KINDS) + " cost_usd", USD),
        *fields("latency_hist ttft_hist tpot_hist", HISTOGRAM),
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
        *fields("tenant feature service model category action", pa.string()),
        *fields("events checked_calls", pa.int64()),
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
        *fields("trace_id span_id", pa.binary()),
        *fields("response_id task_id session_id tenant feature name label", pa.string()),
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
        *fields("gpu_uuid gpu_model mig_profile host pod model_server tenant", pa.string()),
        pa.field("gpu_index", pa.int32()),
        *fields("utilisation memory_used_bytes memory_total_bytes power_watts energy_joules", pa.float64()),
        *fields("requests_running requests_waiting kv_cache_utilisation", pa.float64()),
        pa.field("source_partition", pa.int32()),
        pa.field("source_offset", pa.int64()),
        pa.field("received_at", TIME),
        *fields("source service model engine mig_id namespace", pa.string()),
        *fields("engine_active xid_code ecc_corrected_errors ecc_uncorrected_errors", pa.float64()),
        *fields("prompt_tokens generation_tokens", pa.float64()),
        pa.field("counted_since", TIME),
        pa.field("cumulative", pa.bool_()),
    ]
)
"""What one GPU or model server said of ``sampled_at``; NULL where it said nothing, so rows are parts that add up.

``source``: dcgm, hw (OpenTelemetry's ``hw.gpu.*``) or vllm. A GPU is named by ``gpu_uuid``, else by ``host`` and
``gpu_index``; ``mig_id mig_profile``: the part of it that is meant. ``pod`` in ``namespace``: who uses it, not who
measured.
``model_server``: its address; ``engine``: one of several in it. ``utilisation`` (a kernel ran), ``engine_active`` and
``kv_cache_utilisation`` are 0..1; ``xid_code``: the last one, 0 = none.
Counters (``energy_joules ecc_… prompt_tokens generation_tokens``) stand in rows of their own, with ``cumulative``:
since ``counted_since`` (NULL: since ever), else between the two. ``cumulative`` is NULL in rows of gauges.
"""

TOKEN_SAMPLES = pa.schema(
    [
        pa.field("day", pa.date32()),
        *fields("counted_since sampled_at", TIME),
        *fields("series tenant feature environment service provider model operation token_type", pa.string()),
        pa.field("cumulative", pa.bool_()),
        *fields("tokens calls", pa.int64()),
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
        *fields("flush_id app_id topic", pa.string()),
        pa.field("partition", pa.int32()),
        *fields("first_offset next_offset end_offset gap_messages", pa.int64()),  # [first, next); end = high watermark
        *fields("first_record_at last_record_at flushed_at", TIME),
        *fields("messages bytes spans billable_spans", pa.int64()),
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

SERIES = pa.struct([pa.field(name, pa.string()) for name in ("tenant", "feature", "model", "principal", "provider")])

FACTOR = pa.struct(
    [
        pa.field("factor", pa.string()),  # calls, retries, input_tokens_per_call …
        pa.field("excess_usd", USD),
        pa.field("observed", pa.float64()),  # calls, tokens per call …; NULL where the factor is no number
        pa.field("expected", pa.float64()),
    ]
)

CHANGE = pa.struct(
    [
        pa.field("dimension", pa.string()),  # model, prompt_version, principal, service_version …
        pa.field("value", pa.string()),
        pa.field("first_seen_at", TIME),
        pa.field("calls", pa.int64()),
        pa.field("cost_usd", USD),
    ]
)

SAMPLE = pa.struct(
    [
        pa.field("trace_id", pa.string()),  # hex
        pa.field("ended_at", TIME),
        pa.field("model", pa.string()),
        pa.field("cost_usd", USD),
    ]
)

INCIDENTS = pa.schema(
    [
        pa.field("day", pa.date32()),  # UTC day of recorded_at
        *fields("event_id incident_id", pa.string()),
        pa.field("sequence", pa.int32()),  # 0, 1, … within the incident
        pa.field("event", pa.string()),  # opened, updated, escalated, resolved, acknowledged, silenced, notified, …
        *fields("recorded_at window_start window_end opened_at", TIME),
        *fields("tenant feature budget signal severity", pa.string()),
        *fields("observed_usd expected_usd excess_usd excess_usd_per_hour", USD),
        pa.field("contributors", pa.list_(CONTRIBUTOR)),
        *fields("summary channel actor note", pa.string()),
        *fields("model principal provider", pa.string()),
        pa.field("scoped_by", pa.list_(pa.string())),
        pa.field("window_minutes", pa.int32()),
        pa.field("series", pa.list_(SERIES)),
        pa.field("until", TIME),
        *fields("measured usual", pa.float64()),
        pa.field("affected", pa.int64()),
        pa.field("factors", pa.list_(FACTOR)),
        pa.field("changes", pa.list_(CHANGE)),
        pa.field("samples", pa.list_(SAMPLE)),
        pa.field("complete_until", TIME),
    ]
)
"""One event in an incident's life (``alerts.incidents`` names them); an incident is the fold of its events.

Amounts are about ``[window_start, window_end)``. ``budget`` names the one that a signal of budgets is about; its tenant
and feature are NULL unless it is of one alone. ``sequence`` of a notice is that of the event it is about, ``channel``
who took it. ``contributors``: what explains the excess, by dimension and value. ``scoped_by``: which of tenant,
feature, model, principal and provider make its scope, where NULL is unattributed; of the others it is about all values.
``window_minutes``: how far what was odd reached back when it opened; ``series``: what was odd, the first at least.
``until``: of ``silenced``. ``note`` of ``feedback``: expected, unexpected, too small or planned. ``measured usual
affected``: of signals of health alone, whose amounts are 0: a share, or milliseconds of a quantile, what it usually is,
and how many calls or checks were like that. ``factors``: what the
excess is made of, adding up to it; ``changes``: what was first seen near its onset; ``samples``: its most expensive
calls as it opened, each of another trace. ``complete_until``: up to when everything had reached the lake as it was
decided; what came later may change it.
"""
