"""The gateway's verb: how it starts where something is not as it should be."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from ingest.errors import BrokerUnavailable, CannotStart
from ingest.gateway.server import bind
from spanledger.gateway import start_patiently


class Late:
    """A gateway whose Kafka answers at the third try; ``stop`` is set at the first where it is given."""

    def __init__(self, *, answers_at: int = 3, stop: asyncio.Event | None = None) -> None:
        self.tries = 0
        self._answers_at = answers_at
        self._stop = stop

    async def start(self) -> None:
        """Try."""
        self.tries += 1
        if self._stop:
            self._stop.set()
        if self.tries < self._answers_at:
            raise BrokerUnavailable("no Kafka answers at here:9092")


def started(gateway: Any, stop: asyncio.Event) -> bool:
    return asyncio.run(start_patiently(gateway, stop))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanledger.gateway.RETRY_S", 0.01)


def test_a_kafka_that_comes_late_is_waited_for_and_that_is_said(capsys: pytest.CaptureFixture[str]):
    gateway = Late()

    assert started(gateway, asyncio.Event())

    assert gateway.tries == 3
    assert capsys.readouterr().err.splitlines() == ["gateway: waiting for Kafka: no Kafka answers at here:9092"] * 2


def test_a_kafka_that_does_not_come_ends_the_wait(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ingest.kafka.WAIT_FOR_BROKER_S", 0.1)

    with pytest.raises(BrokerUnavailable, match="no Kafka answers"):
        started(Late(answers_at=1_000_000), asyncio.Event())


def test_a_gateway_that_waits_can_be_told_to_stop():
    stop = asyncio.Event()
    gateway = Late(stop=stop)

    assert not started(gateway, stop)

    assert gateway.tries == 1


@pytest.mark.parametrize("host", ["1.2.3.4", "no-such-host.invalid"])
def test_a_host_that_is_not_this_machine_s_is_named_with_its_setting(host: str):
    with pytest.raises(CannotStart, match=f"cannot listen on gateway.host = '{host}': .*; set gateway.host to an add"):
        bind(grpc.server(ThreadPoolExecutor(1)), host, 0)
