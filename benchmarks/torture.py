"""Faults without mercy on real parts, and after each round the lake against the truth, to the span and the picodollar.

    python -m benchmarks.torture --kills 100                # about half an hour; a line a round, then the verdict
    python -m benchmarks.torture --kills 5 --seed 7 --only kill_broker,freeze_worker

A broker, ``--workers`` worker processes on one lake and a producer run all the time. A round does some faults under
load (``benchmarks/faults/faults.py`` lists them), lets the parts come to rest, and compares: every span has one row per
record, spans and cost by tenant are those that the topic holds, every offset was flushed once and up to the end, dead
letters are the poison. Exit 1 at any difference; the directory is kept then.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.faults.faults import FAULTS, KILLS, OTHERS, Fault
from benchmarks.faults.source import Source
from benchmarks.faults.verify import Topic, compare
from benchmarks.faults.world import World
from ingest.broker import LocalBroker
from ingest.settings import BrokerSettings, KafkaSettings
from ingest.topics import ensure_topics
from spanledger.errors import CannotRun
from spanledger.measure import wait_drained
from spanledger.settings import load
from spanledger.verdict import Check

SHORT_SESSIONS = {"group.min.session.timeout.ms": "1000"}
REST_WITHIN_S = 180.0


def a_round(world: World, topic: Topic, faults: Sequence[Fault], per_s: float) -> tuple[list[str], list[Check]]:
    """Do the faults under load, wait until the lake is at the end of the topic, and compare."""
    with world.producing(per_s):
        world.keep_up()
        done = [fault(world) for fault in faults]
    world.set_clock(0)
    world.keep_up()
    began = time.monotonic()
    world.wait((world.lake / "flushes" / "_delta_log").is_dir, "a first flush", within_s=REST_WITHIN_S)
    wait_drained(world.kafka, world.lake, within_s=REST_WITHIN_S, check=world.keep_up)
    done.append(f"rest after {time.monotonic() - began:.0f} s")
    topic.catch_up(world)
    return done, compare(world, topic)


def torture(world: World, *, kills: int, per_round: int, per_s: float, faults: Sequence[Fault]) -> bool:
    """Rounds until so many kills are done; whether everything agreed."""
    topic, number, agrees = Topic(), 0, True
    while world.kills < kills and agrees:
        number += 1
        chosen = [world.chance.choice(faults) for _ in range(per_round)]
        began = time.monotonic()
        done, checks = a_round(world, topic, chosen, per_s)
        wrong = [check for check in checks if not check.agrees]
        agrees = not wrong
        spans = sum(len(message.spans) for message in topic.messages.values())
        print(
            f"round {number:3d}  {'agrees ' if agrees else 'DIFFERS'}  kills {world.kills:3d}  records "
            f"{len(topic.messages):6,d}  spans {spans:8,d}  {time.monotonic() - began:4.0f} s  {'; '.join(done)}",
            flush=True,
        )
        for check in wrong:
            print(check.line(), flush=True)
    return agrees


def open_world(folder: Path, *, seed: int, workers: int, partitions: int, kind: type[World] = World) -> World:
    """A broker of its own with fresh topics, started; no worker yet."""
    broker = LocalBroker(BrokerSettings(port=0), folder / "broker", load().data / "jars", properties=SHORT_SESSIONS)
    world = kind(
        folder=folder,
        kafka=KafkaSettings(),
        broker=broker,
        chance=Random(seed),
        source=Source(chance=Random(seed + 1)),
        wanted=workers,
    )
    world.set_clock(0)
    world.start_broker()
    world.kafka = KafkaSettings(bootstrap=broker.bootstrap, partitions=partitions)
    ensure_topics(world.kafka)
    return world


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="stop after so many (100)")
    parser.add_argument("--seed", type=int, default=1, help="of faults and messages; timing is the machine's (1)")
    parser.add_argument("--workers", type=int, default=3, help="worker processes (3)")
    parser.add_argument("--partitions", type=int, default=4, help="of the topic (4)")
    parser.add_argument("--per-round", type=int, default=5, help="faults in a round (5)")
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second while faults happen (20)")
    parser.add_argument("--only", default="", help=f"of: {', '.join(FAULTS)}")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Torture; 0 = everything agreed, 1 = something differed or never came to rest."""
    arguments = _arguments(words)
    only = [FAULTS[name] for name in filter(None, arguments.only.split(","))]
    folder = Path(tempfile.mkdtemp(prefix="spanledger-torture-"))
    world = open_world(folder, seed=arguments.seed, workers=arguments.workers, partitions=arguments.partitions)
    print(f"seed {arguments.seed}, {arguments.workers} workers, in {folder}", flush=True)
    try:
        agrees = torture(
            world,
            kills=arguments.kills,
            per_round=arguments.per_round,
            per_s=arguments.rate,
            faults=only or (*KILLS, *KILLS, *OTHERS),
        )
    except (CannotRun, TimeoutError) as error:
        print(f"never came to rest: {error}", flush=True)
        agrees = False
    finally:
        world.stop()
    said = f"{world.kills} kills, {world.died} workers ended by themselves, {len(world.uncertain)} sends unanswered"
    print(f"verdict: {'everything agrees' if agrees else 'it does NOT agree'} after {said}", flush=True)
    if agrees:
        shutil.rmtree(folder)
    else:
        print(f"kept: {folder}", flush=True)
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
