"""What is done to the parts: each fault is a function of the world that says in words what it did."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from benchmarks.faults.world import SESSION_S, World
from ingest.errors import BrokerUnavailable
from ingest.kafka import group_members, group_offsets, set_group_offsets
from processors.group import group_id
from warehouse.lake import Lake
from warehouse.schemas import COMMIT_ORDER
from warehouse.settings import LakeSettings

HOURS_WRONG = (-36.0, -1.0, 0.0, 1.0, 36.0)  # inside the topics' retention: a broker that far ahead deletes nothing
STEPS = (
    "processed", "dead-lettered", "loaded", *(f"{table} {done}" for table in COMMIT_ORDER for done in
    ("written", "committed")), "committed", "noticed",
)  # fmt: skip
GROUP_EMPTY_WITHIN_S = 30.0

Fault = Callable[[World], str]


def kill_worker(world: World) -> str:
    """One worker, at any moment of its work."""
    world.keep_up()
    worker = world.chance.choice(world.workers)
    world.wait_started(worker)
    time.sleep(world.chance.uniform(0.0, 3.0))
    if not worker.lives:
        return "a worker had ended"
    world.kill(worker)
    return "worker killed"


def kill_all_workers(world: World) -> str:
    """All at once, as when their machine goes."""
    world.keep_up()
    world.wait_started(world.workers[-1])
    workers = world.live_workers()
    for worker in workers:
        world.kill(worker)
    return f"{len(workers)} workers killed"


def die_in_a_step(world: World) -> str:
    """A worker that kills itself right after a step of its flush."""
    step = world.chance.choice(STEPS)
    while len(world.live_workers()) > world.wanted - 1:
        world.kill(world.live_workers()[0])
    worker = world.start_worker(die_at=step)
    until = time.monotonic() + 30
    while worker.lives and time.monotonic() < until:
        time.sleep(0.1)
    if worker.process.poll() == -signal.SIGKILL:
        world.workers.remove(worker)
        world.kills += 1
        return f"died at {step!r}"
    world.kill(worker)
    return f"killed before {step!r}"


def kill_broker(world: World) -> str:
    """The broker, under load; it stays away for a moment."""
    world.broker.kill()
    world.kills += 1
    away_s = world.chance.uniform(0.0, 4.0)
    time.sleep(away_s)
    world.start_broker()
    return f"broker killed, away {away_s:.0f} s"


def kill_everything(world: World) -> str:
    """Power off."""
    world.broker.kill()
    world.kills += 1
    for worker in world.live_workers():
        world.kill(worker)
    world.start_broker()
    return "broker and workers killed"


def fill_disk(world: World) -> str:
    """No file of a worker may grow beyond a few bytes: its writes fail, some in the middle of a file (EFBIG)."""
    world.keep_up()
    limit = world.chance.choice((0, 500, 4_000, 30_000))
    workers = world.live_workers()
    for worker in workers:
        _limit(worker.process.pid, limit)
    time.sleep(world.chance.uniform(1.0, 4.0))
    for worker in workers:
        _limit(worker.process.pid, resource.RLIM_INFINITY)
    return f"no room for more than {limit} bytes"


def fill_brokers_disk(world: World) -> str:
    """Kafka halts when it cannot write its log, and starts again when there is room."""
    pid = world.broker.pid
    if pid is None:
        return "no broker"
    _limit(pid, 0)
    ended = world.broker.wait(10.0) is not None
    if not ended:
        _limit(pid, resource.RLIM_INFINITY)
        return "broker without room, it went on"
    world.broker.kill()
    world.start_broker()
    return "broker without room, it halted"


def freeze_worker(world: World) -> str:
    """A worker stands still until others have its partitions, and wakes up in the middle of what it was doing."""
    world.keep_up()
    worker = world.chance.choice(world.workers)
    world.wait_started(worker)
    worker.signal(signal.SIGSTOP)
    frozen_s = world.chance.uniform(0.5, 3.0) * SESSION_S
    time.sleep(frozen_s)
    worker.signal(signal.SIGCONT)
    return f"worker frozen for {frozen_s:.0f} s"


def rebalance(world: World) -> str:
    """One joins and one leaves, cleanly."""
    world.keep_up()
    joined = world.start_worker(slow_s=world.chance.choice((0, 0.3)))
    world.wait_started(joined)
    leaving = world.chance.choice(world.workers)
    leaving.signal(signal.SIGTERM)
    with suppress(TimeoutError):
        world.wait(lambda: not leaving.lives, "a worker leaves", within_s=20)
    world.workers = [worker for worker in world.workers if worker is not leaving or worker.lives]
    return "one joined, one left"


def clocks_jump(world: World) -> str:
    """The wall clocks are wrong by hours from now on."""
    hours = world.chance.choice(HOURS_WRONG)
    world.set_clock(hours * 3600)
    return f"clocks {hours:+.0f} h"


def deliver_again(world: World) -> str:
    """Everything from a random offset on once more: the group is set back while it has no members."""
    for worker in world.live_workers():
        world.kill(worker)
    settings = LakeSettings(url=str(world.lake))
    if not (world.lake / "flushes").exists():
        return "nothing to deliver again"
    group = group_id(Lake.open(settings, create=False).id)
    world.wait(lambda: group_members(world.kafka, group) == 0, "an empty group", within_s=GROUP_EMPTY_WITHIN_S)
    back = {place: world.chance.randint(0, offset) for place, offset in group_offsets(world.kafka, group).items()}
    try:
        set_group_offsets(world.kafka, group, back)
    except BrokerUnavailable as error:
        return f"not delivered again: {error}"
    return "delivered again"


KILLS: tuple[Fault, ...] = (
    *(kill_worker, kill_worker, kill_all_workers, die_in_a_step, die_in_a_step),
    *(kill_broker, kill_everything),
)
OTHERS: tuple[Fault, ...] = (
    *(fill_disk, fill_brokers_disk, freeze_worker, rebalance),
    *(clocks_jump, clocks_jump, deliver_again),
)
FAULTS: dict[str, Fault] = {fault.__name__: fault for fault in (*KILLS, *OTHERS)}


def _limit(pid: int, bytes_: int) -> None:
    with suppress(ProcessLookupError):
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_, hard))
