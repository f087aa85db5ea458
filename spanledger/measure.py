"""What a running deployment holds: has Kafka been drained, and what does the lake say."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingest.errors import BrokerUnavailable
from ingest.kafka import end_offsets, streams
from ingest.settings import KafkaSettings
from spanledger.errors import CannotRun
from spanledger.verdict import Measured
from warehouse.errors import LakeMissing
from warehouse.lake import Lake
from warehouse.reader import ALL, Warehouse
from warehouse.settings import LakeSettings

POLL_S = 0.5


def wait_drained(kafka: KafkaSettings, lake: Path, *, within_s: float, check: Callable[[], None]) -> None:
    """Return at lag 0: every table of the lake expects next what Kafka would give next, in every partition.

    ``check`` is called while waiting and may raise. A broker that is away meanwhile, and a lake of which not every
    table stands yet, are waited for. Raises CannotRun when it takes too long.
    """
    opened = None
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        check()
        try:
            opened = opened or Lake.open(LakeSettings(url=str(lake)), create=False)
            ids, ends = streams(kafka, [kafka.spans_topic]), end_offsets(kafka, [kafka.spans_topic])
        except BrokerUnavailable:
            continue
        except LakeMissing:
            time.sleep(POLL_S)
            continue
        expected = opened.next_offsets(ids.values())
        # a partition that never had a record has no offset in the lake
        if all(set(expected[app_id].values()) == {ends[partition] or None} for partition, app_id in ids.items()):
            return
        time.sleep(POLL_S)
    raise CannotRun(f"Kafka was not drained within {within_s:.0f} s")


def ask_status(lake: Path) -> dict[str, Any] | None:
    """The lake in one row; None while there is none."""
    try:
        return dict(Warehouse(LakeSettings(url=str(lake))).ask("status", ALL).to_pylist()[0])
    except LakeMissing:
        return None


def measure(lake: Path) -> Measured:
    """Everything that a verdict compares, from one snapshot."""
    snapshot = Warehouse(LakeSettings(url=str(lake))).snapshot()
    return Measured(
        integrity=snapshot.ask("integrity", ALL).to_pylist()[0],
        total=snapshot.ask("spend", ALL, by=()).to_pylist()[0],
        by=snapshot.ask("spend", ALL, by=("tenant", "feature", "model")).to_pylist(),
        routes=snapshot.ask("spend", ALL, by=("route",)).to_pylist(),
        outcomes=snapshot.ask("outcomes", ALL).to_pylist(),
        incidents=snapshot.ask("incidents", ALL, state="all").to_pylist(),
    )
