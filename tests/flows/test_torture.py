"""A short run of ``benchmarks.torture``: faults under load that no other test has, and ``kill -9`` at random moments.

After each round every span stands once per record, spans and cost by tenant are the topic's to the picodollar, and
every offset was flushed once, up to the end. Elsewhere: a death after each step of a flush (``test_crashes``), a disk
that is full or read-only for all (``test_faults``), what is delivered again (``test_redelivery``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from benchmarks.faults import faults
from benchmarks.faults.faults import Fault
from benchmarks.faults.verify import Topic
from benchmarks.faults.world import World
from benchmarks.torture import a_round, open_world
from tests.flows.nursery import Forked, start

pytestmark = pytest.mark.long

ROUNDS: dict[str, tuple[Fault, ...]] = {
    "wrong clocks, a worker killed, and power off": (faults.clocks_jump, faults.kill_worker, faults.kill_everything),
    "writes that fail in the middle of a file, at workers and at the broker": (
        faults.fill_disk,
        faults.fill_brokers_disk,
    ),
    "a worker frozen until others had its partitions, and a second delivery": (
        faults.freeze_worker,
        faults.deliver_again,
    ),
}


class Quick(World):
    """A world whose workers start at once."""

    def launch(self, variables: Mapping[str, str], log: Path) -> Forked:  # type: ignore[override]  # as good as a Popen
        """The process of a worker."""
        return start(["benchmarks.faults.worker"], variables=variables, log=log)


@pytest.fixture(scope="module")
def tortured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Topic]]:
    """One broker, two workers with slow disks and shuffled arrivals among them, and what the topic holds."""
    world = open_world(tmp_path_factory.mktemp("torture"), seed=11, workers=2, partitions=3, kind=Quick)
    yield world, Topic()
    world.stop()


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("done", ROUNDS)
def test_no_span_is_lost_or_doubled_after(tortured: tuple[World, Topic], done: str):
    world, topic = tortured
    before = len(topic.messages)

    _, checks = a_round(world, topic, ROUNDS[done], per_s=10)

    assert [check.line() for check in checks if not check.agrees] == []
    assert len(topic.messages) > before


def test_most_of_it_was_done_to_real_processes(tortured: tuple[World, Topic]):
    world, topic = tortured

    assert world.kills >= 5  # a worker, the broker and its workers, all workers
    assert world.started > world.kills
    assert sum(len(message.spans) for message in topic.messages.values()) > 1000
