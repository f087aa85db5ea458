"""What both protocols do with a request, in this order.

1. ``admit``: not draining, a known key, within its rate. Nothing of the body is read before.
2. The protocol reads the body against the bytes-in-flight limit and the size limit.
3. ``accept``: validate, stamp the tenant, send to Kafka, wait for its acknowledgement, and only then say yes.

A request is forwarded whole or not at all. Spans with unusable ids are reported as rejected in a partial success; they
stand in the record nevertheless and the worker drops them, counted as ``bad_span``, so both sides count the same spans.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ingest.gateway.kafka_outlet import unavailable
from ingest.gateway.keys import Client, KeyRing
from ingest.gateway.limits import OVERLOAD_RETRY_S, Charge, InFlight, RateLimit
from ingest.gateway.metrics import Meters
from ingest.gateway.outcomes import Posted, read_outcomes
from ingest.gateway.outlet import Outlet, Record
from ingest.gateway.payload import Encoding, Payload, read_json, read_protobuf
from ingest.gateway.refusals import Reason, Refused
from ingest.gateway.signals import LOGS, Signal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one request."""

    request_bytes: int
    ack_timeout_s: float
    read_timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A yes: how many items were rejected nevertheless, and what to tell the client about it."""

    items: int
    rejected: int = 0
    warning: str = ""


class Receiver:
    """Admits requests and hands their bytes to the outlet."""

    def __init__(
        self,
        *,
        keys: KeyRing,
        limits: Limits,
        in_flight: InFlight,
        rate: RateLimit,
        outlet: Outlet,
        topics: Mapping[Signal, str],
        meters: Meters,
    ) -> None:
        self.limits = limits
        self.in_flight = in_flight
        self.meters = meters
        self.draining = False
        self._keys = keys
        self._rate = rate
        self._outlet = outlet
        self._topics = topics
        self._json_thread = ThreadPoolExecutor(1, thread_name_prefix="gateway-json")  # one at a time bounds its memory

    def admit(self, key: str | None) -> Client:
        """Client of the presented key; raises Refused."""
        if self.draining:
            raise Refused(Reason.DRAINING, "the gateway is stopping", retry_after_s=OVERLOAD_RETRY_S)
        client = self._keys.identify(key)
        self._rate.check(client)
        return client

    async def accept(
        self, *, signal: Signal, encoding: Encoding, client: Client, body: bytes, charge: Charge
    ) -> Accepted:
        """Say yes once Kafka has the bytes; raises Refused."""
        self._rate.spend(client, len(body))
        payload = await self._read(signal, encoding, body)
        if not payload.items:
            return Accepted(items=0, warning=_about_foreign(signal) if payload.foreign else "")
        headers = [*client.headers(), ("content-type", encoding.value.encode())]
        record = Record(topic=self._topics[signal], key=payload.key, value=body, headers=headers)
        await self._store(record, charge)
        return Accepted(items=payload.items, rejected=payload.rejected, warning=_about_rejected(payload))

    async def accept_outcomes(self, *, client: Client, body: bytes, charge: Charge) -> Posted:
        """Verdict on posted outcomes, once Kafka has those that are right; raises Refused."""
        self._rate.spend(client, len(body))
        loop = asyncio.get_running_loop()
        posted = await loop.run_in_executor(self._json_thread, read_outcomes, body, client, time.time_ns())
        if posted.accepted:
            charge.grow(len(posted.value))
            headers = [*client.headers(), ("content-type", Encoding.PROTOBUF.value.encode())]
            await self._store(Record(topic=self._topics[LOGS], key=None, value=posted.value, headers=headers), charge)
        return posted

    def close(self) -> None:
        """End the thread that reads JSON."""
        self._json_thread.shutdown(wait=False)

    async def _read(self, signal: Signal, encoding: Encoding, body: bytes) -> Payload:
        if encoding is Encoding.PROTOBUF:
            return read_protobuf(signal, body)
        return await asyncio.get_running_loop().run_in_executor(self._json_thread, read_json, signal, body)

    async def _store(self, record: Record, charge: Charge) -> None:
        began = time.monotonic()
        settled = self._outlet.send(record)
        release = charge.hand_over()
        settled.add_done_callback(lambda done: (done.exception(), release()))
        try:
            async with asyncio.timeout(self.limits.ack_timeout_s):
                await asyncio.shield(settled)
        except TimeoutError as error:
            raise unavailable() from error
        self.meters.record_ack(time.monotonic() - began)


def _about_rejected(payload: Payload) -> str:
    if not payload.rejected:
        return ""
    return f"{payload.rejected} of {payload.items} spans have no valid trace_id and span_id"


def _about_foreign(signal: Signal) -> str:
    return f"the body holds no {signal.resources}: is it OTLP?"
