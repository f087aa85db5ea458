"""The columns that rivals (a) and (b) write: what a span says without its content, under OpenTelemetry's names."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

TEXT, COUNT, REAL, TRUTH = pa.string(), pa.int64(), pa.float64(), pa.bool_()

ATTRIBUTES: dict[str, tuple[str, pa.DataType]] = {
    "gen_ai.operation.name": ("operation", TEXT),
    "gen_ai.provider.name": ("provider", TEXT),
    "gen_ai.request.model": ("request_model", TEXT),
    "gen_ai.response.model": ("response_model", TEXT),
    "gen_ai.response.id": ("response_id", TEXT),
    "gen_ai.usage.input_tokens": ("input_tokens", COUNT),
    "gen_ai.usage.cache_read.input_tokens": ("cached_input_tokens", COUNT),
    "gen_ai.usage.output_tokens": ("output_tokens", COUNT),
    "gen_ai.response.time_to_first_chunk": ("ttft_s", REAL),
    "gen_ai.request.stream": ("stream", TRUTH),
    "gen_ai.conversation.id": ("session_id", TEXT),
    "gen_ai.agent.name": ("agent_name", TEXT),
    "gen_ai.tool.name": ("tool_name", TEXT),
    "server.address": ("server_address", TEXT),
    "error.type": ("error_class", TEXT),
    "tenant.id": ("tenant", TEXT),
    "feature": ("feature", TEXT),
    "user.id": ("user_id", TEXT),
}
"""Attribute -> column and its type."""

FINISH_REASONS = "gen_ai.response.finish_reasons"
"""The one attribute that is a list: its first text is kept."""

RESOURCE = {"service.name": "service", "host.name": "host"}

SCHEMA = pa.schema(
    [
        *((name, pa.binary()) for name in ("trace_id", "span_id", "parent_span_id")),
        *((name, pa.timestamp("ns", tz="UTC")) for name in ("started_at", "ended_at")),
        *((name, pa.int32()) for name in ("kind", "status_code")),
        *((name, TEXT) for name in ("scope_name", *RESOURCE.values())),
        *ATTRIBUTES.values(),
        ("finish_reason", TEXT),
    ]
)


def write(rows: pa.Table, path: str) -> None:
    """One Parquet file, compressed as ours are."""
    pq.write_table(rows, path, compression="zstd")
