"""Nothing that was acknowledged is lost, and memory stays bounded, whatever happens to broker and gateway."""

import http.client
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.broker import LocalBroker
from ingest.gateway.outlet import MemoryOutlet
from ingest.kafka import admin_client
from ingest.settings import MIB, KafkaSettings
from ingest.topics import ensure_topics
from tests.ingest.gateway.senders import sending
from tests.ingest.gateway.serving import (
    PROTOBUF,
    Answer,
    Serving,
    gateway_process,
    on_free_ports,
    serving,
    span_numbers,
    spans,
)
from tests.ingest.gateway.stored import stored


def stored_numbers(kafka: KafkaSettings) -> list[int]:
    return [number for record in stored(kafka, kafka.spans_topic) for number in span_numbers(record.value)]


def post_until_taken(gateway: Serving, body: bytes, timeout_s: float = 30.0) -> Answer:
    """Repeat while the answer is a hint to come again, as exporters do, only sooner."""
    deadline = time.monotonic() + timeout_s
    while (answer := gateway.post("/v1/traces", body)).status == 503 and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


@pytest.mark.alone
@pytest.mark.usefixtures("swept")
def test_a_killed_broker_means_503_in_bounded_time_and_it_goes_on_when_the_broker_is_back(own_broker: LocalBroker):
    own_broker.start()
    kafka = KafkaSettings(bootstrap=own_broker.bootstrap, partitions=2)

    with (
        serving(on_free_ports(ack_timeout_s=1.5), kafka=kafka) as gateway,
        sending(http_port=gateway.gateway.http_port, grpc_port=gateway.gateway.grpc_port) as senders,
    ):
        assert senders.wait_for(lambda: len(senders.acknowledged) >= 50)
        own_broker.kill()  # with batches sent and not answered: these expire, and the client library would be stuck
        assert senders.wait_for(lambda: len(senders.refused) >= 8)
        began = time.monotonic()
        answer = gateway.post("/v1/traces", spans(1, first=10**6))
        took_s = time.monotonic() - began
        own_broker.start()
        before = len(senders.acknowledged)
        recovered = senders.wait_for(lambda: len(senders.acknowledged) >= before + 50)

    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert took_s < 5
    assert recovered
    assert senders.acknowledged <= set(stored_numbers(kafka))
    assert gateway.gateway.in_flight.bytes == 0


def delete_topic(kafka: KafkaSettings, topic: str, timeout_s: float = 30.0) -> None:
    """Until the broker has carried it out: what it answers before is that it will, and it still takes records."""
    deadline = time.monotonic() + timeout_s
    with admin_client(kafka) as admin:
        admin.delete_topics([topic])
        while topic in admin.list_topics():
            assert time.monotonic() < deadline, f"{topic} is still there after {timeout_s} s"
            time.sleep(0.02)


def test_a_topic_that_is_deleted_is_made_again(kafka_settings: KafkaSettings):
    with serving(on_free_ports(ack_timeout_s=1.0), kafka=kafka_settings) as gateway:
        gateway.post("/v1/traces", spans(1))
        delete_topic(kafka_settings, kafka_settings.spans_topic)
        answer = post_until_taken(gateway, spans(1, first=2))
        numbers = stored_numbers(kafka_settings)

    assert answer.status == 200
    assert 2 in numbers


def test_kill_9_of_the_gateway_loses_nothing_that_was_acknowledged(kafka_settings: KafkaSettings):
    ensure_topics(kafka_settings)

    with (
        gateway_process(kafka_settings) as gateway,
        sending(http_port=gateway.http_port, grpc_port=gateway.grpc_port) as senders,
    ):
        assert senders.wait_for(lambda: len(senders.acknowledged) >= 100)
        gateway.kill()
        senders.stopping.set()

    assert senders.acknowledged <= set(stored_numbers(kafka_settings))


def test_sigterm_finishes_open_requests_and_exits_with_0(kafka_settings: KafkaSettings):
    with (
        gateway_process(kafka_settings) as gateway,
        sending(http_port=gateway.http_port, grpc_port=gateway.grpc_port) as senders,
    ):
        assert senders.wait_for(lambda: len(senders.acknowledged) >= 100)
        code = gateway.terminate()
        senders.stopping.set()

    numbers = stored_numbers(kafka_settings)
    assert code == 0
    assert senders.acknowledged <= set(numbers)
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_drain_closes_the_ports_and_answers_what_is_open(protocol: str):
    outlet = MemoryOutlet()
    outlet.hold = True
    body = spans(1)

    with ThreadPoolExecutor() as threads, serving(on_free_ports(drain_s=30.0), outlet=outlet) as gateway:
        send = {"http": lambda: gateway.post("/v1/traces", body).status, "grpc": lambda: gateway.export(body)}[protocol]
        held = threads.submit(send)
        outlet.arrived.wait(30)
        draining = gateway.run(gateway.gateway.drain())
        closed = [_closes(port) for port in (gateway.gateway.http_port, gateway.gateway.grpc_port)]
        gateway.call(outlet.let_go)
        draining.result(30)
        answer = held.result(30)

    assert closed == [True, True]
    assert answer in (200, b"")


def test_a_drain_sends_those_who_stay_connected_elsewhere():
    outlet = MemoryOutlet()
    outlet.hold = True

    with ThreadPoolExecutor() as threads, serving(on_free_ports(drain_s=30.0), outlet=outlet) as gateway:
        kept = http.client.HTTPConnection("127.0.0.1", gateway.gateway.http_port, timeout=30)
        kept.request("POST", "/v1/traces", b"", {"Content-Type": PROTOBUF})
        first = kept.getresponse()
        first.read()
        held = threads.submit(gateway.post, "/v1/traces", spans(1))
        outlet.arrived.wait(30)
        draining = gateway.run(gateway.gateway.drain())
        assert _closes(gateway.gateway.http_port)
        kept.request("POST", "/v1/traces", spans(1), {"Content-Type": PROTOBUF})
        second = kept.getresponse()
        second.read()
        kept.close()
        gateway.call(outlet.let_go)
        draining.result(30)
        answer = held.result(30)

    assert (first.status, second.status, answer.status) == (200, 503, 200)
    assert second.headers["Retry-After"]
    assert len(outlet.records) == 1


def _closes(port: int) -> bool:
    """Whether nobody listens on the port any more, soon; a connection that tries it out would itself be in the way."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.01)
        else:
            return True
    return False


@pytest.mark.long
def test_memory_stays_bounded_when_kafka_stalls_and_clients_do_not(own_broker: LocalBroker):
    own_broker.start()
    kafka = KafkaSettings(bootstrap=own_broker.bootstrap, partitions=2)
    limits = {"GATEWAY_MAX_IN_FLIGHT_BYTES": 32 * MIB, "GATEWAY_ACK_TIMEOUT_S": 60}

    with gateway_process(kafka, **limits) as gateway:
        base_mib = _memory_mib(gateway.process.pid, "VmRSS")
        assert own_broker.pid
        os.kill(own_broker.pid, signal.SIGSTOP)
        with sending(
            http_port=gateway.http_port, grpc_port=gateway.grpc_port, threads=12, pad=2 * MIB
        ) as senders:  # offers 48 MiB at once, again and again
            senders.wait_for(lambda: len(senders.refused) >= 150)
            peak_mib = _memory_mib(gateway.process.pid, "VmHWM")
            os.kill(own_broker.pid, signal.SIGCONT)
            recovered = senders.wait_for(lambda: bool(senders.acknowledged))

    assert recovered
    assert len(senders.refused) >= 150
    assert peak_mib - base_mib < 5 * 32
    assert senders.acknowledged <= set(stored_numbers(kafka))


def _memory_mib(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith(f"{name}:"))
