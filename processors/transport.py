"""Faust's Kafka transport with a shorter fetch.

aiokafka keeps one fetch per broker in flight, and a partition whose records were just handed over is not part of it: a
record that comes there waits until that fetch has ended, which takes ``fetch_max_wait_ms`` where the other partitions
are silent. Faust has 1500 ms of that written into its code; a span must be visible within 5 s.
"""

from __future__ import annotations

from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver

FETCH_WAIT_MS = 250


class FetchThread(driver.AIOKafkaConsumerThread):
    """Creates the consumer as Faust does, with our wait."""

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 -- it has no setting; a test holds its effect
        return consumer


class Consumer(driver.Consumer):
    """Runs a FetchThread."""

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)


class Transport(driver.Transport):
    """Makes such consumers."""

    Consumer = Consumer


def transport(app: faust.App) -> Transport:
    """The transport of an app; set it as ``app.transport`` before anything uses it."""
    return Transport(app.conf.broker_consumer, app, loop=app.loop)
