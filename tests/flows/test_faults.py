"""Faults around a worker: poison, a broker that dies, a lake that cannot be written, workers that come and go."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from ingest.broker import LocalBroker
from ingest.kafka import client_config
from ingest.settings import KafkaSettings
from tests.flows.deployment import Deployment
from tests.flows.payloads import Payload, payload
from tests.kafka import prefixed

POISON = Payload(b"\xff\xff not a span at all", ())
EMPTY = Payload(b"", ())


def dead_letters(kafka: KafkaSettings) -> list[tuple[str, bytes]]:
    """Reason and value of every dead letter."""
    consumer = KafkaConsumer(
        kafka.dlq_topic, **client_config(kafka), auto_offset_reset="earliest", consumer_timeout_ms=3000, group_id=None
    )
    try:
        return [(dict(record.headers)["reason"].decode(), record.value) for record in consumer]
    finally:
        consumer.close()


@pytest.mark.long
def test_poison_between_good_messages_is_dead_lettered_with_its_reason_and_stops_nothing(deployment: Deployment):
    deployment.send([payload(1), POISON, payload(2), EMPTY, payload(3)], partition=0)

    deployment.start_worker()
    deployment.wait_for_rows(60)
    deployment.stop()

    deployment.verify()
    assert sorted(dead_letters(deployment.kafka)) == [("bad_payload", POISON.value), ("empty", EMPTY.value)]
    dropped = [dict(row) for row in deployment.table("flushes", ["dropped"])["dropped"].to_pylist()]
    assert sum(row.get("bad_payload", 0) for row in dropped) == 1
    assert sum(row.get("empty", 0) for row in dropped) == 1


@pytest.mark.long
def test_a_worker_goes_on_after_its_broker_was_killed_and_started_again(own_broker: LocalBroker, tmp_path: Path):
    own_broker.start()
    deployment = Deployment(
        prefixed(KafkaSettings(bootstrap=own_broker.bootstrap, partitions=2), "killed"), tmp_path / "deployment"
    )
    deployment.directory.mkdir()
    deployment.send([payload(n) for n in range(3)])
    deployment.start_worker()
    deployment.wait_for_rows(60)

    own_broker.kill()
    own_broker.start()
    deployment.send([payload(n) for n in range(3, 6)])

    deployment.wait_for_rows(120)
    deployment.stop()
    deployment.verify()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB in a directory; needs root, which CI is."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.long
def test_a_full_disk_is_waited_out_and_nothing_is_committed_meanwhile(deployment: Deployment, small_disk: Path):
    deployment.environment["SPANLEDGER_LAKE"] = str(small_disk / "lake")
    deployment.send([payload(1)])
    deployment.start_worker()
    deployment.wait_for_rows(20)
    ballast = small_disk / "ballast"
    fill(ballast)
    deployment.send([payload(n) for n in range(2, 5)])
    deployment.wait(lambda: b"cannot commit" in deployment.log.read_bytes(), "the worker says so")
    rows_meanwhile = deployment.rows()

    ballast.unlink()

    deployment.wait_for_rows(80)
    deployment.stop()
    assert rows_meanwhile == 20
    deployment.verify()


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as out:
        while True:
            out.write(b"x" * 4096)


@pytest.mark.long
def test_a_read_only_lake_is_waited_out(deployment: Deployment, small_disk: Path):
    deployment.environment["SPANLEDGER_LAKE"] = str(small_disk / "lake")
    deployment.send([payload(1)])
    deployment.start_worker()
    deployment.wait_for_rows(20)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    deployment.send([payload(n) for n in range(2, 5)])
    deployment.wait(lambda: b"cannot commit" in deployment.log.read_bytes(), "the worker says so")

    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)

    deployment.wait_for_rows(80)
    deployment.stop()
    deployment.verify()


@pytest.mark.long
def test_two_workers_share_a_topic_while_one_joins_and_leaves(deployment: Deployment):
    deployment.send([payload(n) for n in range(5)])
    deployment.start_worker()
    deployment.wait_for_rows(100)
    second = deployment.start_worker()
    for number in range(5, 45):
        deployment.send([payload(number)])
    deployment.wait_for_rows(900)
    second.terminate()
    second.wait(30)
    deployment.send([payload(n) for n in range(45, 60)])

    deployment.wait_for_rows(1200)
    deployment.stop()
    deployment.verify()


@pytest.mark.long
def test_two_workers_that_race_for_one_partition_commit_each_range_once(deployment: Deployment):
    """Both workers consume the same partition: each has a group of its own, as after a split group."""
    deployment.send([payload(n) for n in range(30)], partition=0)
    deployment.environment["SPANLEDGER_WORKER_FLUSH_SECONDS"] = "0.05"

    racing = [deployment.start(["tests.flows.racing_flusher", name]) for name in ("one", "two")]
    for process in racing:
        assert process.wait(90) == 0

    deployment.verify()


@pytest.mark.long
def test_payloads_of_the_dead_letter_queue_may_be_left_out(deployment: Deployment):
    deployment.environment["SPANLEDGER_WORKER_DLQ_PAYLOAD"] = "none"
    deployment.send([POISON, payload(1)], partition=0)

    deployment.start_worker()
    deployment.wait_for_rows(20)
    deployment.stop()

    assert dead_letters(deployment.kafka) == [("bad_payload", b"")]
