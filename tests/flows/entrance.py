"""Ways into a deployment as users have them: the gateway process, ``spanledger replay``, bytes put on the topic."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from ingest.kafka import MAX_REQUEST_BYTES, bootstrap_servers
from ingest.settings import KafkaSettings
from spanledger.measure import wait_drained
from tests.flows.deployment import Deployment
from tests.ingest.gateway.serving import GatewayProcess, gateway_process
from tests.patience import PATIENCE_S
from tests.verbs import say


@contextmanager
def gateway_of(deployment: Deployment, **variables: object) -> Iterator[GatewayProcess]:
    """The gateway in front of a deployment, in open mode; its log stands beside the workers'."""
    log = deployment.directory / "gateway.log"
    with gateway_process(deployment.kafka, log=log, KAFKA_PARTITIONS=deployment.kafka.partitions, **variables) as made:
        yield made


def replay(files: Sequence[Path], gateway: GatewayProcess) -> list[dict[str, Any]]:
    """Send files with the verb; what it says became of each."""
    endpoint = f"http://127.0.0.1:{gateway.http_port}"
    done = say("replay", *map(str, files), "--endpoint", endpoint, "--format", "json", variables={})
    assert done.code == 0, done.err
    return list(json.loads(done.out))


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """A record as a Collector's kafka exporter writes it: no key, no headers, its own compression."""

    value: bytes
    compression: str | None = None


def put(kafka: KafkaSettings, records: Iterable[Raw]) -> list[tuple[int, int]]:
    """Put records on the spans topic; partition and offset of each. The client is not the one of the project."""
    return asyncio.run(_put(kafka, list(records)))


async def _put(kafka: KafkaSettings, records: list[Raw]) -> list[tuple[int, int]]:
    places = {}
    for compression in {record.compression for record in records}:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers(kafka), compression_type=compression, max_request_size=MAX_REQUEST_BYTES
        )
        async with producer:
            for number, record in enumerate(records):
                if record.compression == compression:
                    sent = await producer.send_and_wait(kafka.spans_topic, record.value)
                    places[number] = (sent.partition, sent.offset)
    return [places[number] for number in range(len(records))]


def drain(deployment: Deployment) -> None:
    """Return when the lake has everything that Kafka has."""
    wait_drained(deployment.kafka, deployment.lake, within_s=PATIENCE_S, check=lambda: None)
