"""Settings of the worker."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from processors.pricing.own import read_own_prices

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """When to flush, whom to believe, where to serve metrics."""

    flush_seconds: float = field(
        default=2.0, metadata={"help": "Longest wait before a flush.", "min": 0.05, "max": 600}
    )
    flush_bytes: int = field(
        default=80 * MIB,
        metadata={
            "help": "Payload bytes that trigger a flush; with 1.5 flushes in hand a worker pauses its partitions.",
            "min": 1,
        },
    )
    flush_spans: int = field(default=53_248, metadata={"help": "Spans that trigger a flush.", "min": 1})
    session_seconds: float = field(
        default=6.0,
        metadata={
            "help": "After so long without a sign of life a worker's partitions go to others.",
            "min": 1,
            "max": 90,  # Faust waits so long for an answer, and wants sessions to be shorter
        },
    )
    drain_seconds: float = field(
        default=15.0,
        metadata={"help": "Longest wait for open work after SIGTERM; what is left is read again later.", "min": 0},
    )
    metrics_port: int = field(
        default=9465,
        metadata={
            "help": "Loopback port of the Prometheus endpoint; taken = the next free one.",
            "min": 0,
            "max": 65535,
        },
    )
    trust_span_tenant: tuple[str, ...] = field(
        default=("otlp_spans", "otlp_logs", "otlp_metrics"),
        metadata={"help": "Topics whose attributes may name the tenant when no header does."},
    )
    dlq_payload: str = field(
        default="raw", metadata={"help": "What a dead letter carries.", "choices": ("raw", "none")}
    )
    tags: tuple[str, ...] = field(
        default=(), metadata={"help": "Attribute keys to keep in the `tags` column of spans and usage."}
    )
    scan_pii: bool = field(
        default=False,
        metadata={"help": "Look at prompts and answers for personal data; only whether there is some is kept."},
    )
    user_key: str | None = field(
        default=None,
        metadata={
            "help": "Key of the user-id HMAC; default: one made once in SPANLEDGER_DATA.",
            "secret": True,
        },
    )
    prices: Mapping[str, object] = field(
        default_factory=dict,
        metadata={"help": "Own prices, table `provider/model` -> USD per million tokens by kind.", "default": ""},
    )
    price_book: str | None = field(
        default=None,
        metadata={"help": "TOML file of contract discounts, committed prices, self-hosted models and markups."},
    )

    @property
    def hold_bytes(self) -> int:
        """Bytes of messages in hand at which the partitions are paused: a flush that runs, and half of the next."""
        return self.flush_bytes * 3 // 2

    @property
    def span_bytes(self) -> int:
        """Bytes of a message for each of its spans at which both sizes ask for a flush at once."""
        return self.flush_bytes // self.flush_spans

    def __post_init__(self) -> None:
        """Refuse own prices that cannot be read, before anything starts."""
        read_own_prices(self.prices)
