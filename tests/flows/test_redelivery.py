"""What Kafka delivers again, in another place, or never again: the lake decides what it has."""

import collections
import shutil
from pathlib import Path

import pytest

from ingest.broker import LocalBroker
from ingest.kafka import admin_client, group_members, group_offsets, set_group_offsets
from ingest.settings import KafkaSettings
from ingest.topics import ensure_topics
from processors.group import group_id
from tests.flows.deployment import Deployment
from tests.flows.payloads import payload
from tests.kafka import add_partitions, prefixed
from warehouse.lake import Lake
from warehouse.settings import LakeSettings


def group_of(deployment: Deployment) -> str:
    return group_id(Lake.open(LakeSettings(url=str(deployment.lake)), create=False).id)


def run_to(deployment: Deployment, rows: int) -> None:
    """Start a worker, wait until the lake has so many rows, and stop it cleanly."""
    deployment.start_worker()
    deployment.wait_for_rows(rows)
    deployment.stop()


@pytest.mark.long
def test_whole_batches_that_are_delivered_again_add_nothing(deployment: Deployment):
    deployment.send([payload(n) for n in range(6)])
    run_to(deployment, 120)
    group = group_of(deployment)
    deployment.wait(lambda: group_members(deployment.kafka, group) == 0, "an empty group")
    set_group_offsets(deployment.kafka, group, dict.fromkeys(group_offsets(deployment.kafka, group), 0))

    deployment.send([payload(6)])
    run_to(deployment, 140)

    deployment.verify()


@pytest.mark.long
def test_a_client_that_sends_again_makes_a_second_record_which_is_not_billed(deployment: Deployment):
    twice = payload(1)
    deployment.send([twice, twice, payload(2)], partition=0)

    run_to(deployment, 60)

    spans = deployment.table("spans", ["trace_id", "span_id", "billable", "suppressed_by"]).to_pylist()
    repeats = [row for row in spans if not row["billable"]]
    assert collections.Counter((r["trace_id"], r["span_id"]) for r in repeats) == collections.Counter(twice.ids)
    assert all(row["suppressed_by"] == row["span_id"] for row in repeats)
    deployment.verify()


@pytest.mark.long
def test_a_new_lake_beside_a_kept_broker_reads_everything_again(deployment: Deployment):
    deployment.send([payload(n) for n in range(4)])
    run_to(deployment, 80)
    shutil.rmtree(deployment.lake)

    run_to(deployment, 80)

    deployment.verify()


@pytest.mark.long
def test_a_lake_restored_from_a_backup_reads_again_what_it_lacks(deployment: Deployment, tmp_path: Path):
    deployment.send([payload(n) for n in range(4)])
    run_to(deployment, 80)
    shutil.copytree(deployment.lake, tmp_path / "backup")
    deployment.send([payload(n) for n in range(4, 8)])
    run_to(deployment, 160)
    shutil.rmtree(deployment.lake)
    shutil.copytree(tmp_path / "backup", deployment.lake)

    run_to(deployment, 160)

    deployment.verify()


@pytest.mark.long
def test_a_topic_made_again_is_a_new_stream(deployment: Deployment):
    deployment.send([payload(n) for n in range(4)])
    run_to(deployment, 80)
    with admin_client(deployment.kafka) as admin:
        admin.delete_topics([deployment.kafka.spans_topic])
        deployment.wait(lambda: deployment.kafka.spans_topic not in admin.list_topics(), "a deleted topic")
    deployment.send([payload(n) for n in range(10, 13)])

    run_to(deployment, 140)

    deployment.verify()


@pytest.mark.long
def test_a_wiped_broker_beside_a_kept_lake_is_a_new_stream(own_broker: LocalBroker, tmp_path: Path):
    own_broker.start()
    kafka = prefixed(KafkaSettings(bootstrap=own_broker.bootstrap, partitions=2), "wiped")
    deployment = Deployment(kafka, tmp_path / "deployment")
    deployment.directory.mkdir()
    deployment.send([payload(n) for n in range(4)])
    run_to(deployment, 80)
    own_broker.stop()
    shutil.rmtree(own_broker.directory)
    own_broker.start()
    ensure_topics(kafka)
    deployment.send([payload(n) for n in range(20, 23)])

    run_to(deployment, 140)

    deployment.verify()


@pytest.mark.long
def test_partitions_that_are_added_are_read_within_seconds(deployment: Deployment):
    """As are topics that a broker which had just started did not tell of when the worker joined."""
    deployment.send([payload(1)])
    deployment.start_worker()
    deployment.wait_for_rows(20)
    before = deployment.kafka.partitions

    add_partitions(deployment.kafka, deployment.kafka.spans_topic, before + 1)
    deployment.send([payload(2)], partition=before)

    deployment.wait_for_rows(40)
    deployment.stop()
    deployment.verify()
