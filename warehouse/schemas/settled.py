"""Columns of the books that ``settle`` keeps: lines are appended, a later one says what has changed.

Every row carries the number of its ``settlement`` and its ``close_id``; it counts once the row of ``settlements`` with
that ``close_id`` stands, which is written last.
"""

from __future__ import annotations

import pyarrow as pa

from warehouse.schemas.kinds import COST_KINDS, COUNTS, TEXTS, TIME, TOKEN_KINDS, USD, fields

CLOSE = [pa.field("settlement", pa.int64()), pa.field("close_id", pa.string())]

SPAN_IDENTITY = ("trace_id", "span_id", "source_partition", "source_offset", "received_at")
"""What tells the rows of ``spans`` apart, but for a span that stands twice in one record (billed at most once)."""

CORRECTED = (
    *("billable", "suppressed_by", "tenant", "feature", "user_id", "session_id", "task_id"),
    *("prompt_name", "prompt_version", "started_at", "provider", "request_model", "response_model", "stream"),
    *TOKEN_KINDS,
    *("usage_semantics", "status", "error_class", "http_status", "finish_reason", "ttft_ms", "tpot_ms", "response_id"),
    *("reported_cost_usd", "service_tier", "server_address", "server_port", "provider_account", "route", "attempt"),
    *("safety_category", "guardrail_action", "safety_findings", "pii_detected", "injection_detected"),
    *("cost_usd", *COST_KINDS, "price_status", "price_version"),
)
"""Columns of ``spans`` that settlement may state anew."""

LEDGER_DIMENSIONS = (
    *("tenant", "feature", "principal", "environment", "service", "provider", "provider_account", "model"),
    *("service_tier", "operation", "route", "prompt_name", "prompt_version", "status", "error_class"),
    *("price_status", "price_version", "outcome", "safe", "tags"),
)

LEDGER_COUNTS = ("calls", "priced_calls", "retries", *TOKEN_KINDS, "priced_tokens", "suppressed_calls")
LEDGER_AMOUNTS = (
    *(*COST_KINDS, "cost_usd"),
    *("failed_cost_usd", "retry_cost_usd", "superseded_cost_usd", "suppressed_cost_usd"),
)


def corrections(spans: pa.Schema) -> pa.Schema:
    """Columns of ``corrections``; those that correct one of ``spans`` have its type.

    One row states all of ``CORRECTED`` anew for one row of ``spans``; of several the last settlement's holds. ``why``:
    the once rule that suppresses it, ``inherited`` or ``merged`` where values of other spans were taken, ``repriced``,
    ``restored`` where it is as the flush had it.
    """
    return pa.schema(
        [
            pa.field("day", pa.date32()),  # UTC day of the span's ended_at
            *fields("hour ended_at", TIME),
            *(spans.field(name) for name in SPAN_IDENTITY),
            *CLOSE,
            pa.field("why", pa.string()),
            *(spans.field(name) for name in CORRECTED),
        ]
    )


LEDGER = pa.schema(
    [
        pa.field("day", pa.date32()),  # UTC day of hour
        pa.field("hour", TIME),
        pa.field("period", pa.date32()),  # first day of the month that the line is booked in
        pa.field("entry", pa.string()),  # settled, late, outcome, repriced
        *CLOSE,
        *fields(" ".join(LEDGER_DIMENSIONS[:-1]), pa.string()),
        pa.field("tags", TEXTS),
        *fields(" ".join(LEDGER_COUNTS), pa.int64()),
        *fields(" ".join(LEDGER_AMOUNTS), USD),
    ]
)
"""A line is a difference: the sum of an hour's lines is what the hour is. Nothing here counts tasks.

Amounts add up calls that have a price; of how many that is, ``priced_calls`` tells: where their sum is 0, a cost of 0
is unknown.

``hour``: when the calls ended; ``period``: that month, or the first open one where it was closed already.
``entry``: ``settled`` when the hour was closed; later ones say why it changed. ``outcome``: success, failure, unknown,
of the call's task; ``safe``: safe, unsafe, unknown. ``model``: of the response, else requested.
``failed_cost_usd``: of calls that did not end well; ``retry_cost_usd``: of attempts after the first;
``superseded_cost_usd``: of calls that worked and were tried again; ``suppressed_calls`` and ``suppressed_cost_usd``:
what the stream had billed and settlement does not.
"""

TASKS = pa.schema(
    [
        pa.field("day", pa.date32()),  # UTC day of hour
        pa.field("hour", TIME),
        *CLOSE,
        *fields("tenant task kind feature environment principal", pa.string()),
        *fields("started_at ended_at", TIME),
        *(pa.field(name, pa.list_(pa.string())) for name in ("users", "models", "prompts", "routes", "services")),
        *fields("spans calls failed_calls retries tool_calls guardrail_blocks", pa.int64()),
        *fields("input_tokens output_tokens priced_calls", pa.int64()),
        *fields("cost_usd failed_cost_usd retry_cost_usd superseded_cost_usd", USD),
        *fields("outcome outcome_source safe safe_source", pa.string()),
        pa.field("decided_at", TIME),
        pa.field("review_minutes", pa.float64()),
        pa.field("providers", pa.list_(pa.string())),
    ]
)
"""One task within one hour; of several rows the last settlement's holds, ``spans`` = 0 takes it back.

``task``: what ``kind`` (task, session, trace) names it by; trace ids in hex. ``feature environment principal``: of its
calls, the first in the alphabet where they differ. ``outcome``: success, failure, unknown; ``safe``: safe, unsafe,
unknown; both of the whole task and the same in all its hours, as are ``review_minutes``, of people. ``models providers
prompts routes services``: values of its calls; where only some calls have one, '' stands for the others.
"""

USER_DAYS = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("hour", TIME),
        *CLOSE,
        *fields("tenant feature user_id", pa.string()),
        pa.field("calls", pa.int64()),
        pa.field("cost_usd", USD),
    ]
)
"""What a user used: a difference, as in ``ledger``. ``user_id``: keyed hash of the end user."""

SAFETY_HOURS = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("hour", TIME),
        *CLOSE,
        *fields("tenant feature service model category action", pa.string()),
        *fields("events checked_calls", pa.int64()),
    ]
)
"""Events and checks as in ``safety``, of spans as settlement states them: a difference, as in ``ledger``."""

GPU_DIMENSIONS = (
    *("gpu", "mig_id", "mig_profile", "gpu_model", "host", "terms", "line"),
    *("tenant", "feature", "model", "provider"),
)
GPU_COUNTS = ("time_us", "priced_us", "calls", "input_tokens", "output_tokens", "costed_tokens")

GPU_MINUTES = pa.schema(
    [
        pa.field("day", pa.date32()),  # UTC day of minute
        pa.field("minute", TIME),
        pa.field("period", pa.date32()),
        pa.field("entry", pa.string()),  # settled, late
        *CLOSE,
        *fields(" ".join(GPU_DIMENSIONS), pa.string()),
        *fields(" ".join(GPU_COUNTS), pa.int64()),
        pa.field("cost_usd", USD),
    ]
)
"""Whose a minute of a GPU was: a difference, as in ``ledger``; the sum of a minute's lines is the minute.

``line``: ``used`` by calls of ``tenant feature model``; ``unattributed``: busy, nobody knows with what; ``idle``;
``unmeasured``: the GPU was there and nobody said how busy it was. ``time_us``: of the whole GPU, so an instance that is
a seventh of it has a seventh of its time; of all lines together the time that the GPU was there. ``priced_us``: that of
which the rate is known, ``terms`` by which; ``cost_usd``: of that time, exactly the hourly rate for whole hours.
``calls``: those that ended in the minute, ``input_tokens output_tokens``: the part of them that fell into it; of calls
that several GPUs work on together each GPU has its part, so all add up. ``costed_tokens``: those, input and output,
that fell into time that was measured and whose rate is known: the tokens that ``cost_usd`` is of.
"""

SETTLEMENTS = pa.schema(
    [
        pa.field("day", pa.date32()),  # UTC day of closed_at
        *CLOSE,
        pa.field("kind", pa.string()),  # settle, reprice, close_month
        pa.field("closed_at", TIME),
        *fields("closed_to watermark", TIME),
        pa.field("months_closed_to", pa.date32()),
        pa.field("reopened", pa.list_(TIME)),
        pa.field("offsets", COUNTS),
        pa.field("versions", COUNTS),
        *fields("late_spans late_alone corrected suppressed repriced", pa.int64()),
        *fields("settled_usd adjusted_usd", USD),
        pa.field("price_version", pa.string()),
        pa.field("actor", pa.string()),
        *fields("homeless_outcomes late_samples", pa.int64()),
    ]
)
"""One close; the last row says how things stand.

``closed_to``: all hours before it are settled; ``months_closed_to``: all months before it are closed for bookings.
``offsets``: by stream the next one that was not read; ``versions``: of the tables that were. ``reopened``: settled
hours with new lines. ``late_spans``: read after their hour was closed; ``late_alone``: those of them older than the
look-back, booked without the spans that may belong to them. ``late_samples``: of GPUs, that old, which divide nothing.
``homeless_outcomes``: come since hours were closed before, about no task that there is. ``settled_usd``: of the hours
closed here; ``adjusted_usd``: of others.
"""
