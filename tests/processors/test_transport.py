"""Faust's transport as we change it."""

import asyncio

import aiokafka
import pytest
from faust.transport.drivers import aiokafka as driver

from processors.transport import FETCH_WAIT_MS, FetchThread

FAUSTS_WAIT_MS = 1500


def test_the_consumer_of_the_app_waits_our_time_for_a_fetch(monkeypatch: pytest.MonkeyPatch):
    async def waits() -> tuple[int, int]:
        consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers="127.0.0.1:9", fetch_max_wait_ms=FAUSTS_WAIT_MS)
        monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: consumer)
        before = vars(consumer)["_fetch_max_wait_ms"]  # where aiokafka keeps it
        ours = FetchThread._create_worker_consumer(object.__new__(FetchThread), None)
        await consumer.stop()
        return before, vars(ours)["_fetch_max_wait_ms"]

    assert asyncio.run(waits()) == (FAUSTS_WAIT_MS, FETCH_WAIT_MS)
