"""Where a replay goes: the gateway (OTLP/HTTP) or Kafka itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

import aiohttp
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingest.errors import BrokerUnavailable, GatewayUnreachable
from ingest.kafka import make_producer
from ingest.replay.captures import JSON
from ingest.settings import KafkaSettings

ATTEMPTS = 5
LATER = frozenset({429, 502, 503, 504})
OK = 200
LONGEST_PAUSE_S = 10.0
REQUEST_TIMEOUT_S = 60.0
ACK_TIMEOUT_S = 30.0
REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one request."""

    accepted: bool
    rejected: int = 0  # spans, data points or log records of an accepted request
    reason: str | None = None


class Sink(Protocol):
    """Takes one request after another."""

    async def send(self, body: bytes, content_type: str, signal: str) -> Verdict:
        """Send and wait for the verdict. Raises GatewayUnreachable or BrokerUnavailable."""


class HttpSink:
    """The gateway. Answers that ask for patience are repeated a few times, as they ask."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._headers = dict(headers)

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def send(self, body: bytes, content_type: str, signal: str) -> Verdict:
        """POST to the signal's path. Raises GatewayUnreachable."""
        url = f"{self._endpoint}/v1/{signal}"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._session.post(url, data=body, headers={"Content-Type": content_type}) as response:
                    content = await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise GatewayUnreachable(f"no gateway answers at {self._endpoint}: {error}") from error
            if response.status == OK:
                return _read_success(content, content_type)
            if response.status not in LATER or attempt == ATTEMPTS:
                break
            await asyncio.sleep(_pause_s(response.headers.get("Retry-After"), attempt))
        return Verdict(accepted=False, reason=f"HTTP {response.status}: {_read_refusal(content, content_type)}")


class KafkaSink:
    """The topics of the signals, as a Collector's kafka exporter fills them: no key, no tenant."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._topics = {
            "traces": settings.spans_topic,
            "metrics": settings.metrics_topic,
            "logs": settings.logs_topic,
        }
        self._settings = settings

    async def __aenter__(self) -> Self:
        self._producer: KafkaProducer = await asyncio.to_thread(make_producer, self._settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._producer.close, timeout=ACK_TIMEOUT_S)

    async def send(self, body: bytes, content_type: str, signal: str) -> Verdict:
        """One record; accepted once Kafka has acknowledged it. Raises BrokerUnavailable."""
        return await asyncio.to_thread(self._send, body, content_type, self._topics[signal])

    def _send(self, body: bytes, content_type: str, topic: str) -> Verdict:
        try:
            sent = self._producer.send(topic, value=body, headers=[("content-type", content_type.encode())])
            sent.get(timeout=ACK_TIMEOUT_S)
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            return Verdict(accepted=False, reason=f"too large for Kafka: {error}")
        except KafkaError as error:
            raise BrokerUnavailable(f"Kafka at {self._settings.bootstrap} did not take the record: {error}") from error
        return Verdict(accepted=True)


def _read_success(content: bytes, content_type: str) -> Verdict:
    """Accepted, all of it or in part; the three signals answer alike but for the name of what they count."""
    if content_type == JSON:
        partial = json.loads(content or b"{}").get("partialSuccess", {})
        rejected = sum(int(count) for name, count in partial.items() if name.startswith("rejected"))
        reason = partial.get("errorMessage")
    else:
        answer = ExportTraceServiceResponse.FromString(content).partial_success
        rejected, reason = answer.rejected_spans, answer.error_message
    return Verdict(accepted=True, rejected=rejected, reason=reason or None)


def _read_refusal(content: bytes, content_type: str) -> str:
    """The text of a ``google.rpc.Status``, or the start of what was answered instead."""
    try:
        text = json.loads(content)["message"] if content_type == JSON else Status.FromString(content).message
    except (DecodeError, ValueError, KeyError, TypeError):
        text = content.decode(errors="replace")
    return str(text).strip()[:REASON_CHARACTERS] or "no reason given"


def _pause_s(retry_after: str | None, attempt: int) -> float:
    wanted = float(retry_after) if retry_after and retry_after.isdigit() else 0.5 * 2**attempt
    return min(wanted, LONGEST_PAUSE_S)
