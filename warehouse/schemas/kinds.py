"""Types and words that the columns of all tables share.

Money is ``decimal128(38, 12)`` USD; times are UTC microseconds; ids are raw bytes; NULL is unknown, never zero.
"""

from __future__ import annotations

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


def fields(names: str, kind: pa.DataType) -> list[pa.Field]:
    """Fields of one type, named by the words of ``names``."""
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

SAFETY_ACTIONS = ("blocked", "redacted", "flagged", "", "allowed")
"""What a guard or filter did, the strongest first; '': found, and nobody said what was done about it."""
