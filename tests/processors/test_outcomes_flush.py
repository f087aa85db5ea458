"""The commit protocol with two topics: what holds for spans under faults holds for logs, also in one flush of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from ingest.errors import BrokerUnavailable
from processors.engine import Engine
from processors.flush import Flusher
from processors.messages import Drop, Message, Processed
from processors.metrics import WorkerMetrics
from processors.pending import Stream
from processors.settings import WorkerSettings
from processors.sieve import process_all
from tests.flows.payloads import payload
from tests.flows.test_crashes import STEPS
from tests.processors.logs import log_message, logs, record
from tests.processors.test_flush import MemorySink
from tests.warehouse.contents import stored
from tests.warehouse.fresh import open_lake
from warehouse.reader import ALL, Warehouse
from warehouse.settings import LakeSettings

SPANS, LOGS = ("otlp_spans", 0), ("otlp_logs", 0)
RECEIVED_US = 1_780_000_000_000_000
ENGINE = Engine.of(WorkerSettings(), user_key=b"k" * 32)


@cache
def made(ranges: tuple[tuple[Message, ...], ...]) -> list[Processed]:
    return process_all(ranges, ENGINE)


@pytest.fixture(autouse=True)
def _the_engine_is_asked_once_for_the_same_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is pure (``test_laws``), and what is asked here is what becomes of its tables."""

    def process(ranges: Sequence[Sequence[Message]], engine: Engine) -> list[Processed]:
        assert engine is ENGINE
        return made(tuple(tuple(messages) for messages in ranges))

    monkeypatch.setattr("processors.flush.process_all", process)


class Died(Exception):
    """The worker, between two steps."""


class Streams:
    """Two topics of one cluster."""

    def app_ids(self, streams: Iterable[Stream]) -> dict[Stream, str]:
        return {stream: f"cluster/{stream[0]}/{stream[1]}" for stream in streams}

    def earliest(self, stream: Stream) -> int:
        del stream
        return 0


def flusher(place: Path, *, dies_after: str | None = None, sink: MemorySink | None = None) -> Flusher:
    """A worker that has just started; it dies when that step of its flush is done."""

    def on_step(step: str) -> None:
        if step == dies_after:
            raise Died

    return Flusher(
        lake=open_lake(LakeSettings(url=str(place))),
        engine=ENGINE,
        sink=sink or MemorySink(),
        streams=Streams(),
        worker="test",
        metrics=WorkerMetrics(),
        on_step=on_step,
    )


def log(offset: int) -> Message:
    """A message with two outcomes and a record that is none."""
    told = {"spanledger.outcome.name": "helpful", "spanledger.outcome.score": 1.0}
    two = [record("spanledger.outcome", {**told, "spanledger.outcome.id": f"{offset}-{i}"}) for i in range(2)]
    return log_message(logs(*two, record("app.log")), offset=offset, received_at_us=RECEIVED_US)


def span(offset: int) -> Message:
    value = payload(offset, spans=2, ended_ns=RECEIVED_US * 1000).value
    return Message(topic=SPANS[0], partition=0, offset=offset, received_at_us=RECEIVED_US, value=value)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """No folder yet: a copy of an empty lake costs less than a new one."""
    return tmp_path / "lake"


def batch(last: int) -> Mapping[Stream, list[Message]]:
    return {SPANS: [span(n) for n in range(last)], LOGS: [log(n) for n in range(last)]}


def test_a_flush_of_spans_and_logs_releases_both_and_accounts_for_each(lake: Path):
    released = flusher(lake).flush(batch(2), {}).released

    accounts = Warehouse(LakeSettings(url=str(lake))).ask("pipeline", ALL).to_pylist()
    assert released == {SPANS: 2, LOGS: 2}
    assert {(row["topic"], row["next_offset"], row["spans"]) for row in accounts} == {
        ("otlp_logs", 2, 0),
        ("otlp_spans", 2, 4),
    }
    assert len(stored(LakeSettings(url=str(lake)), "outcomes")) == 4


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What stands in a lake that nobody died over."""
    lake = tmp_path_factory.mktemp("undisturbed") / "lake"
    flusher(lake).flush(batch(3), {})
    return {table: stored(LakeSettings(url=str(lake)), table) for table in ("outcomes", "spans")}


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_a_death_after_any_step_of_a_flush_of_spans_and_logs_changes_no_row(
    lake: Path, step: str, undisturbed: dict[str, list[str]]
):
    with pytest.raises(Died):
        flusher(lake, dies_after=step).flush(batch(2), {})

    next_worker = flusher(lake)
    next_worker.flush(batch(3), {})  # takes what the death left
    released = next_worker.flush(batch(3), {}).released  # and then the rest

    assert released == {SPANS: 3, LOGS: 3}
    assert {table: stored(LakeSettings(url=str(lake)), table) for table in undisturbed} == undisturbed


def test_poison_logs_are_dead_lettered_before_anything_is_committed(lake: Path):
    sink = MemorySink()
    poison = [log_message(value, offset=offset) for offset, value in ((1, b"\xff\xff nonsense"), (2, b""))]

    flusher(lake, sink=sink).flush({LOGS: [log(0), *poison, log(3)]}, {})

    assert sink.letters == [(1, Drop.BAD_PAYLOAD), (2, Drop.EMPTY)]
    assert len(stored(LakeSettings(url=str(lake)), "outcomes")) == 4


def test_nothing_is_committed_while_dead_letters_of_logs_cannot_be_delivered(lake: Path):
    with pytest.raises(BrokerUnavailable):
        flusher(lake, sink=MemorySink(down=True)).flush({LOGS: [log(0), log_message(b"\xff", offset=1)]}, {})

    assert stored(LakeSettings(url=str(lake)), "outcomes") == []


def test_an_idle_logs_partition_holds_no_watermark_back(lake: Path):
    flusher(lake).flush({LOGS: [log(0)]}, {LOGS: 1})
    flusher(lake).flush({SPANS: [span(0)]}, {SPANS: 1})

    (caught_up,) = Warehouse(LakeSettings(url=str(lake))).ask("watermark", ALL).to_pylist()

    assert (caught_up["streams"], caught_up["streams_behind"], caught_up["lag_messages"]) == (2, 0, 0)
    assert caught_up["watermark"] > caught_up["last_record_at"]


def test_a_logs_partition_that_is_behind_holds_the_watermark_back(lake: Path):
    flusher(lake).flush({LOGS: [log(0)]}, {LOGS: 5})
    flusher(lake).flush({SPANS: [span(0)]}, {SPANS: 1})

    (behind,) = Warehouse(LakeSettings(url=str(lake))).ask("watermark", ALL).to_pylist()

    assert (behind["streams_behind"], behind["lag_messages"]) == (1, 4)
    assert behind["watermark"] == behind["last_record_at"]
    assert behind["spans_watermark"] > behind["last_record_at"]  # spend incidents do not wait for logs
