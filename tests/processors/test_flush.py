"""One flush over a real lake and sinks in memory: what is committed, dead-lettered, released and said."""

import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from ingest.errors import BrokerUnavailable
from processors.engine import Engine
from processors.flush import Flusher
from processors.messages import DeadLetter, Drop, Message
from processors.metrics import WorkerMetrics
from processors.pending import Stream
from processors.settings import WorkerSettings
from tests.flows.payloads import payload
from tests.warehouse.fresh import open_lake
from warehouse.reader import ALL, Warehouse
from warehouse.schemas import COMMIT_ORDER
from warehouse.settings import LakeSettings

STREAM: Stream = ("otlp_spans", 0)
APP_ID = "cluster/topic/0"


@dataclasses.dataclass
class MemorySink:
    """Keeps what it is given; ``down`` makes it refuse dead letters."""

    letters: list[tuple[int, Drop]] = dataclasses.field(default_factory=list)
    noticed: list[Mapping[str, int]] = dataclasses.field(default_factory=list)
    down: bool = False

    def dead_letters(self, letters: Sequence[tuple[Message, DeadLetter]]) -> None:
        if self.down and letters:
            raise BrokerUnavailable("down")
        self.letters += [(message.offset, letter.reason) for message, letter in letters]

    def notices(self, versions: Mapping[str, int]) -> None:
        self.noticed.append(versions)


@dataclasses.dataclass
class MemoryStreams:
    """One cluster; ``first`` is the oldest offset that it still has."""

    first: int = 0

    def app_ids(self, streams: Iterable[Stream]) -> dict[Stream, str]:
        return {stream: f"cluster/topic/{stream[1]}" for stream in streams}

    def earliest(self, stream: Stream) -> int:
        del stream
        return self.first


@dataclasses.dataclass
class Bench:
    """A flusher and what it works with."""

    flusher: Flusher
    sink: MemorySink
    streams: MemoryStreams
    settings: LakeSettings

    def flush(self, *messages: Message) -> Mapping[Stream, int]:
        return self.flusher.flush({STREAM: messages}, {STREAM: 100}).released

    def ask(self, question: str) -> list[dict]:  # type: ignore[type-arg]
        return Warehouse(self.settings).ask(question, ALL).to_pylist()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    settings, sink, streams = LakeSettings(url=str(tmp_path / "lake")), MemorySink(), MemoryStreams()
    flusher = Flusher(
        lake=open_lake(settings),
        engine=Engine.of(WorkerSettings(), user_key=b"k" * 32),
        sink=sink,
        streams=streams,
        worker="test",
        metrics=WorkerMetrics(),
    )
    return Bench(flusher, sink, streams, settings)


def message(offset: int, value: bytes | None = None) -> Message:
    content = payload(offset, spans=2).value if value is None else value
    return Message(topic=STREAM[0], partition=0, offset=offset, received_at_us=1_780_000_000_000_000, value=content)


def test_what_is_committed_is_released_noticed_and_accounted_for(bench: Bench):
    released = bench.flush(message(0), message(1))

    (row,) = bench.ask("integrity")
    assert released == {STREAM: 2}
    assert (row["spans"], row["billable_spans"], row["usage_calls"], row["flushed_spans"]) == (4, 4, 4, 4)
    assert set(bench.sink.noticed[0]) == set(COMMIT_ORDER)


def test_a_flush_again_adds_nothing_and_releases_again(bench: Bench):
    bench.flush(message(0), message(1))

    released = bench.flush(message(0), message(1))

    assert released == {STREAM: 2}
    assert bench.ask("integrity")[0]["spans"] == 4


def test_only_what_the_lake_lacks_is_taken_of_a_longer_range(bench: Bench):
    bench.flush(message(0), message(1))

    bench.flush(message(0), message(1), message(2))

    assert bench.ask("integrity")[0]["spans"] == 6


def test_a_bad_message_is_dead_lettered_and_its_neighbours_stand(bench: Bench):
    bench.flush(message(0), message(1, b"\xff\xff nonsense"), message(2, b""))

    (row,) = bench.ask("integrity")
    assert bench.sink.letters == [(1, Drop.BAD_PAYLOAD), (2, Drop.EMPTY)]
    assert (row["spans"], row["dropped"]) == (2, 2)


def test_nothing_is_committed_while_dead_letters_cannot_be_delivered(bench: Bench):
    bench.sink.down = True

    with pytest.raises(BrokerUnavailable):
        bench.flush(message(0), message(1, b"\xff\xff nonsense"))

    assert bench.ask("integrity")[0]["spans"] == 0


def test_offsets_that_kafka_no_longer_has_are_a_loud_gap(bench: Bench, caplog: pytest.LogCaptureFixture):
    bench.flush(message(0))
    bench.streams.first = 5

    with caplog.at_level(logging.ERROR):
        bench.flush(message(5))

    assert "lost=4" in caplog.text
    assert bench.ask("integrity")[0]["gap_messages"] == 4


def test_offsets_without_a_message_that_kafka_still_has_are_no_loss(bench: Bench, caplog: pytest.LogCaptureFixture):
    bench.flush(message(0))

    with caplog.at_level(logging.ERROR):
        bench.flush(message(2))  # offset 1 is a transaction marker

    assert caplog.text == ""
    assert bench.ask("integrity")[0]["gap_messages"] == 1
