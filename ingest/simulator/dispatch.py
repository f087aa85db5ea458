"""Batches to the gateway by the stock OTLP exporter (or of encoded copies), and the proof that they arrived.

A batch counts when its export returned success. One that failed is sent again, the same spans, until the gateway takes
it or ``patience_s`` has passed: then GatewayUnreachable ends the simulation. At most ``QUEUED_BATCHES`` wait; who hands
over more is held up.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Generic, Protocol, TypeVar

from opentelemetry.sdk.trace.export import SpanExportResult

from ingest.errors import GatewayUnreachable

SENDERS = 4
QUEUED_BATCHES = 16
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
EXPORTER_LOGGER = "opentelemetry.exporter"


Batch = TypeVar("Batch")
Batch_contra = TypeVar("Batch_contra", contravariant=True)


class Exporter(Protocol[Batch_contra]):
    """A stock ``SpanExporter``, or what behaves like one."""

    def export(self, batch: Batch_contra, /) -> SpanExportResult:
        """Whether it has arrived."""

    def shutdown(self) -> None:
        """Give the connection back."""


class Exporters(Protocol[Batch_contra]):
    """Makes the exporter that sends as one tenant."""

    def __call__(self, tenant: str) -> Exporter[Batch_contra]:
        """A new exporter; each sender uses its own."""


class Dispatch(Generic[Batch]):
    """Sends batches from a few threads; ``acknowledged(batch)`` is called for each that arrived."""

    def __init__(
        self,
        exporters: Exporters[Batch],
        acknowledged: Callable[[Batch], None],
        *,
        patience_s: float = 60.0,
    ) -> None:
        self._exporters = exporters
        self._acknowledged = acknowledged
        self._patience_s = patience_s
        self._room = threading.BoundedSemaphore(QUEUED_BATCHES)
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender")
        self._pending: set[Future[None]] = set()
        self._own = threading.local()
        self._open: list[Exporter[Batch]] = []
        self._closing = threading.Event()
        self._reason = LastReason()

    def hand_over(self, tenant: str, batch: Batch) -> None:
        """Queue a batch; waits for room. Raises GatewayUnreachable when an earlier batch was given up."""
        self._settle()
        self._room.acquire()
        self._pending.add(self._pool.submit(self._deliver, tenant, batch))

    def drain(self) -> None:
        """Wait until everything handed over has arrived. Raises GatewayUnreachable."""
        for future in list(self._pending):
            future.exception()
        self._settle()

    def close(self) -> None:
        """Stop sending; what waits to be repeated is given up."""
        self._closing.set()
        for exporter in self._open:
            exporter.shutdown()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._reason.remove()

    def _settle(self) -> None:
        """Forget what arrived, raise what failed."""
        done = {future for future in self._pending if future.done()}
        self._pending -= done
        for future in done:
            future.result()

    def _deliver(self, tenant: str, batch: Batch) -> None:
        try:
            self._insist(self._exporter(tenant), batch)
        finally:
            self._room.release()
        self._acknowledged(batch)

    def _insist(self, exporter: Exporter[Batch], batch: Batch) -> None:
        deadline = monotonic() + self._patience_s
        pause_s = FIRST_PAUSE_S
        while exporter.export(batch) is not SpanExportResult.SUCCESS:
            if monotonic() + pause_s > deadline or self._closing.wait(pause_s):
                raise GatewayUnreachable(
                    f"the gateway took no spans for {self._patience_s:g} s: {self._reason.text}; "
                    "check --endpoint and --api-key"
                )
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _exporter(self, tenant: str) -> Exporter[Batch]:
        own: dict[str, Exporter[Batch]] = self._own.__dict__
        if tenant not in own:
            own[tenant] = self._exporters(tenant)
            self._open.append(own[tenant])
        return own[tenant]


class LastReason(logging.Handler):
    """Keeps what the exporters logged last: they return no reason. Their log goes nowhere else while this stands."""

    def __init__(self) -> None:
        super().__init__()
        self.text = "no reason given"
        self._logger = logging.getLogger(EXPORTER_LOGGER)
        self._propagated = self._logger.propagate
        self._logger.propagate = False
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of the record."""
        self.text = record.getMessage().rstrip(".")

    def remove(self) -> None:
        """Let the log go its way again."""
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated
