"""Clients of the Kafka cluster that the settings name: producers, and questions to its administration.

Every function opens a client of its own and closes it; each raises BrokerUnavailable where the cluster does not answer.
A partition is ``(topic, partition)``; a stream id is ``<cluster id>/<topic id>/<partition>``, so that a topic that is
deleted and made again, or a broker that is wiped, is another stream.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, RetriableError, for_code
from kafka.net.compat import KafkaNetClient

from ingest.errors import BrokerUnavailable, CannotStart, TopicsMissing
from ingest.settings import MIB, KafkaSettings

MAX_REQUEST_BYTES = 16 * MIB  # what our topics take; a gateway's request is smaller (gateway.max_request_bytes)
BOOTSTRAP_TIMEOUT_MS = 10_000
WAIT_FOR_BROKER_S = 60.0  # how long gateway and worker wait at their start for a broker that is not there yet
RECONNECT_BACKOFF_MAX_MS = 1_000  # kafka-python's 30 s would outlast most restarts of a broker by far
COORDINATOR_PATIENCE_S = 10.0
COORDINATOR_POLL_S = 0.1

Partition = tuple[str, int]


def client_config(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of any kafka-python client for this cluster. Raises CannotStart (a TLS file cannot be used)."""
    config: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers(settings),
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "reconnect_backoff_max_ms": RECONNECT_BACKOFF_MAX_MS,
    }
    context = tls_context(settings)
    if context is not None:
        config["ssl_context"] = context
    if settings.uses_sasl:
        config["sasl_mechanism"] = settings.sasl_mechanism
        config["sasl_plain_username"] = settings.sasl_username
        config["sasl_plain_password"] = settings.sasl_password
    return config


def bootstrap_servers(settings: KafkaSettings) -> list[str]:
    """The bootstrap servers as a list of ``host:port``."""
    return [server.strip() for server in settings.bootstrap.split(",") if server.strip()]


def tls_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """TLS as the settings want it, None without TLS. The host name is checked. Raises CannotStart."""
    if not settings.uses_tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
        if settings.ssl_certfile:
            context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
    except OSError as error:  # ssl.SSLError is one
        given = {name: getattr(settings, name) for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile")}
        said = ", ".join(f"kafka.{name} = {file!r}" for name, file in given.items() if file)
        raise CannotStart(f"{said}: cannot be used for TLS: {error}") from error
    return context


def make_producer(settings: KafkaSettings, **overrides: Any) -> KafkaProducer:
    """An idempotent producer that waits for all replicas; ``overrides`` are KafkaProducer's own arguments.

    Its send buffer is not bounded (kafka-python 3): count what is in flight. Raises BrokerUnavailable.
    """
    config: dict[str, Any] = {
        "enable_idempotence": True,
        "acks": "all",
        "compression_type": "lz4",
        "max_request_size": MAX_REQUEST_BYTES,
        "allow_auto_create_topics": False,
        **client_config(settings),
        **overrides,
    }
    return _connected(KafkaProducer, config, settings)


@contextmanager
def admin_client(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    """An administration client; whatever Kafka refuses inside the block leaves as BrokerUnavailable."""
    client = _connected(KafkaAdminClient, client_config(settings), settings)
    try:
        yield client
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka at {settings.bootstrap}: {error}") from error
    finally:
        client.close()


def streams(settings: KafkaSettings, topics: Sequence[str]) -> dict[Partition, str]:
    """Stream id of every partition of ``topics``. Raises TopicsMissing."""
    with admin_client(settings) as admin:
        cluster_id = admin.describe_cluster()["cluster_id"]
        described = _described(admin, topics)
    return {
        (topic["name"], index): f"{cluster_id}/{topic['topic_id']}/{index}"
        for topic in described
        for index in _indices(topic)
    }


def end_offsets(settings: KafkaSettings, topics: Sequence[str]) -> dict[Partition, int]:
    """Offset that the next record of every partition of ``topics`` will get. Raises TopicsMissing."""
    return _offsets(settings, topics, OffsetSpec.LATEST)


def earliest_offsets(settings: KafkaSettings, topics: Sequence[str]) -> dict[Partition, int]:
    """Offset of the oldest record that every partition of ``topics`` still has. Raises TopicsMissing."""
    return _offsets(settings, topics, OffsetSpec.EARLIEST)


def group_offsets(settings: KafkaSettings, group: str) -> dict[Partition, int]:
    """Next offsets that a consumer group has committed; partitions without a commit are absent."""
    with admin_client(settings) as admin:
        committed = _patiently(lambda: admin.list_group_offsets(group))[group]
    return {(p.topic, p.partition): kept.offset for p, kept in committed.items() if kept.offset >= 0}


def group_members(settings: KafkaSettings, group: str) -> int:
    """Members of a consumer group now; 0 for a group that does not exist."""
    with admin_client(settings) as admin:
        return len(_patiently(lambda: admin.describe_groups([group]))[group]["members"])


def set_group_offsets(settings: KafkaSettings, group: str, offsets: Mapping[Partition, int]) -> None:
    """Set what a group has committed. Raises BrokerUnavailable, also while the group has members."""
    wanted = {TopicPartition(*partition): OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()}
    with admin_client(settings) as admin:
        answers = _patiently(lambda: _altered(admin, group, wanted))
    refused = {f"{p.topic}/{p.partition}": error.__name__ for p, error in answers.items() if error.errno != 0}
    if refused:
        raise BrokerUnavailable(f"group {group} does not take its offsets: {refused}")


def _altered(admin: KafkaAdminClient, group: str, wanted: Mapping[TopicPartition, OffsetAndMetadata]) -> dict[Any, Any]:
    """Kafka's answer per partition; one that may change soon (a coordinator that still loads) is raised."""
    answers: dict[Any, Any] = admin.alter_group_offsets(group, wanted)
    for error in answers.values():
        if issubclass(error, RetriableError):
            raise error
    return answers


def _patiently(ask: Callable[[], Any]) -> Any:
    """Ask until the group's coordinator is there: a cluster's first question about any group only has it made."""
    deadline = time.monotonic() + COORDINATOR_PATIENCE_S
    while True:
        try:
            return ask()
        except RetriableError:
            if time.monotonic() > deadline:
                raise
        time.sleep(COORDINATOR_POLL_S)


def _offsets(settings: KafkaSettings, topics: Sequence[str], spec: OffsetSpec) -> dict[Partition, int]:
    with admin_client(settings) as admin:
        partitions = [
            TopicPartition(topic["name"], index) for topic in _described(admin, topics) for index in _indices(topic)
        ]
        found = admin.list_partition_offsets(dict.fromkeys(partitions, spec))
    return {(partition.topic, partition.partition): at.offset for partition, at in found.items()}


def _described(admin: KafkaAdminClient, topics: Sequence[str]) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = admin.describe_topics(list(topics))
    unknown = {topic["name"]: for_code(topic["error_code"]).__name__ for topic in described if not topic["partitions"]}
    if unknown:
        raise TopicsMissing(f"topics that Kafka does not show: {unknown}")
    return described


def _indices(topic: Mapping[str, Any]) -> list[int]:
    return [partition["partition_index"] for partition in topic["partitions"]]


def _connected(make: Callable[..., Any], config: Mapping[str, Any], settings: KafkaSettings) -> Any:
    """Make a client; one that cannot reach the cluster is closed here, because its constructor leaves it open."""
    opened: list[KafkaNetClient] = []

    def remembered(**configs: Any) -> KafkaNetClient:
        opened.append(KafkaNetClient(**configs))
        return opened[-1]

    try:
        return make(**config, kafka_client=remembered)
    except KafkaError as error:
        for client in opened:
            client.close()
        raise BrokerUnavailable(_shut_out(settings, error)) from error


def _shut_out(settings: KafkaSettings, error: KafkaError) -> str:
    """What to do about a cluster that does not take a client: without SASL and TLS only its absence explains that."""
    if settings.security_protocol == "PLAINTEXT":
        return f"no Kafka answers at {settings.bootstrap}; start it with `spanledger broker`, or set SPANLEDGER_KAFKA"
    return (
        f"Kafka at {settings.bootstrap} does not let us in ({settings.security_protocol}): {error}; "
        "check that it runs, SPANLEDGER_KAFKA, and the SASL and TLS settings"
    )
