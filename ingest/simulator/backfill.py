"""Weeks of history in a minute or two: some tasks of each feature and day are played, the others are copies of them.

Copies have ids, users and times of their own; arrivals follow the same seasons as played ones. Every task is whole
within one request, and the truth counts a request when the gateway has taken it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

import numpy as np
import numpy.typing as npt
import requests
from opentelemetry.sdk.trace.export import SpanExportResult

from ingest.simulator.catalog import UTC_OFFSET_H, Feature
from ingest.simulator.copies import Bytes, Drawn, Pattern, Whose, join
from ingest.simulator.dispatch import EXPORTER_LOGGER
from ingest.simulator.scripts import play
from ingest.simulator.seasons import HOUR_NS, busyness, draw_user
from ingest.simulator.tasks import SECOND_NS, Task
from ingest.simulator.traffic import Traffic, calls_per_task

DAY_NS = 24 * HOUR_NS
MINUTE_NS = 60 * SECOND_NS
LEAST_PLAYED = 96
"""Tasks of a feature and day that are played at least, if it has as many,"""
PLAYED_SHARE = 0.02  # and this part of them
REQUEST_BYTES = 900_000
TIMEOUT_S = 30.0

log = logging.getLogger(f"{EXPORTER_LOGGER}.backfill")  # where senders listen for reasons


@dataclass(slots=True)
class Batch:
    """One request. ``copies``: tasks as they were played, and when their copies start."""

    body: bytes = b""
    copies: list[tuple[Task, npt.NDArray[np.int64]]] = field(default_factory=list)


class BatchExporter:
    """Posts whole requests to ``/v1/traces``, as an exporter does."""

    def __init__(self, endpoint: str, headers: dict[str, str]) -> None:
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        self._session = requests.Session()
        self._session.headers.update({"content-type": "application/x-protobuf", **headers})

    def export(self, batch: Batch) -> SpanExportResult:
        """Whether the gateway has taken all of it."""
        try:
            answer = self._session.post(self._url, data=batch.body, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            log.warning("%s", error)
            return SpanExportResult.FAILURE
        if answer.status_code != requests.codes.ok:
            log.warning("answered %d: %s", answer.status_code, answer.text[:200])
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Give the connection back."""
        self._session.close()


def fill(
    traffic: Traffic,
    start_ns: int,
    end_ns: int,
    send: Callable[[str, Batch], None],
    *,
    goes_on: Callable[[int], bool],
    day_sent: Callable[[int], None] = lambda _: None,
) -> None:
    """Send what happens within ``[start_ns, end_ns)``, a day after the other, until ``goes_on(at_ns)`` says no.

    ``day_sent(at_ns)`` is told when all that starts before was sent.
    """
    for day_ns in range(start_ns - start_ns % DAY_NS, end_ns, DAY_NS):
        first_ns, last_ns = max(day_ns, start_ns), min(day_ns + DAY_NS, end_ns)
        for feature in traffic.features:
            if not goes_on(first_ns):
                return
            for batch in _batches(_day(traffic, feature, first_ns, last_ns, end_ns)):
                send(feature.tenant, batch)
        day_sent(last_ns)


def _day(
    traffic: Traffic, feature: Feature, start_ns: int, end_ns: int, over_ns: int
) -> Iterator[tuple[Pattern, Drawn]]:
    """The patterns of a feature and day, and their copies; what is not over by ``over_ns`` has not happened."""
    name = f"{traffic.seed}/{feature.tenant}/{feature.name}/{start_ns}"
    rng, numbers = Random(name), np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))  # noqa: S311
    starts = _arrivals(traffic, feature, start_ns, end_ns, numbers)
    played = min(len(starts), max(LEAST_PLAYED, int(len(starts) * PLAYED_SHARE)))
    for number in range(played):
        mine = starts[number::played]
        pattern = Pattern(play(feature, rng, int(mine[0])))
        mine = mine[mine + (pattern.task.ended_at_ns - pattern.task.started_at_ns) < over_ns]
        if len(mine):
            users = [_user_like(pattern.task, rng, at_ns) for at_ns in mine.tolist()]
            yield pattern, pattern.draw(mine, users, numbers)


def _arrivals(
    traffic: Traffic, feature: Feature, start_ns: int, end_ns: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """When tasks start, in no order: a Poisson number in each minute."""
    minutes = np.arange(start_ns, end_ns, MINUTE_NS)
    offset_h = UTC_OFFSET_H[feature.tenant]
    busy = np.array([busyness(at_ns, offset_h) for at_ns in minutes.tolist()])
    lasts_ns = np.minimum(end_ns - minutes, MINUTE_NS)
    mean = traffic.calls_per_s * feature.share / calls_per_task(feature)
    counts = rng.poisson(mean * busy * lasts_ns / SECOND_NS)
    starts = np.repeat(minutes, counts) + (rng.random(counts.sum()) * np.repeat(lasts_ns, counts)).astype(np.int64)
    return rng.permutation(starts)


def _user_like(task: Task, rng: Random, at_ns: int) -> str:
    """Who comes at that time, of those whose name is as long as the task's user's."""
    while len(user := draw_user(task.feature.tenant, rng, at_ns)) != len(task.user_id):
        pass
    return user


def _batches(days: Iterable[tuple[Pattern, Drawn]]) -> Iterator[Batch]:
    spans: dict[Whose, list[Bytes]] = {}
    batch, size = Batch(), 0
    for pattern, drawn in days:
        done = 0
        while done < len(drawn):
            room = max(1, (REQUEST_BYTES - size) // pattern.size)
            part = drawn.part(done, done + room)
            for whose, made in pattern.copy(part):
                spans.setdefault(whose, []).append(made)
            batch.copies.append((pattern.task, part.starts_ns))
            done, size = done + room, size + len(part) * pattern.size
            if size >= REQUEST_BYTES - pattern.size:
                batch.body = join(spans)
                yield batch
                spans, batch, size = {}, Batch(), 0
    if batch.copies:
        batch.body = join(spans)
        yield batch
