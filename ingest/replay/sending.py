"""The replay: every file, as often as wanted, some requests at a time, with a verdict for each file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic

from ingest.replay.captures import Capture, count_spans
from ingest.replay.fresh import FreshIds, Unreadable
from ingest.replay.sinks import Sink, Verdict

CONCURRENT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to send: ``requests_per_s`` None = as fast as they are taken; fresh ids need ``ids``."""

    repeat: int = 1
    requests_per_s: float | None = None
    ids: Random | None = None


@dataclass(slots=True, kw_only=True)
class Sent:
    """What became of one file over all repetitions; ``spans`` are those accepted, None where not to be read."""

    source_file: str
    format: str
    signal: str
    requests: int = 0
    accepted: int = 0
    refused: int = 0
    spans: int | None = None
    rejected: int = 0
    reason: str | None = None  # why the last one was refused, wholly or in part

    def add(self, verdict: Verdict, spans: int | None) -> None:
        """Book one request."""
        self.requests += 1
        self.accepted += verdict.accepted
        self.refused += not verdict.accepted
        self.rejected += verdict.rejected
        self.reason = verdict.reason or self.reason
        if verdict.accepted and spans is not None:
            self.spans = (self.spans or 0) + spans - verdict.rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One request to send, and where to book it."""

    sent: Sent
    capture: Capture
    body: bytes
    ids: FreshIds | None


async def send_captures(
    captures: Sequence[Capture], sink: Sink, plan: Plan, on_sent: Callable[[int], None] = lambda _: None
) -> list[Sent]:
    """Send all of ``captures``; one result per file. Raises GatewayUnreachable or BrokerUnavailable."""
    results = [Sent(source_file=c.source_file, format=c.format, signal=c.signal) for c in captures]
    waiting = iter(_requests(captures, results, plan))
    pace = _Pace(plan.requests_per_s)
    done = 0

    async def work() -> None:
        nonlocal done
        for request in waiting:
            await pace.wait()
            await _send(request, sink)
            done += 1
            on_sent(done)

    tasks = [asyncio.create_task(work()) for _ in range(CONCURRENT)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return results


def _requests(captures: Sequence[Capture], results: Sequence[Sent], plan: Plan) -> Iterator[_Request]:
    for _ in range(plan.repeat):
        ids = FreshIds.draw(plan.ids) if plan.ids else None
        for capture, sent in zip(captures, results, strict=True):
            for body in capture.requests:
                yield _Request(sent=sent, capture=capture, body=body, ids=ids)


async def _send(request: _Request, sink: Sink) -> None:
    capture, body = request.capture, request.body
    try:
        if request.ids and capture.signal == "traces":
            body = request.ids.renew(body, capture.content_type)
    except Unreadable as error:
        request.sent.add(Verdict(accepted=False, reason=str(error)), None)
        return
    spans = count_spans(body, capture.content_type) if capture.signal == "traces" else None
    request.sent.add(await sink.send(body, capture.content_type, capture.signal), spans)


class _Pace:
    """Lets ``requests_per_s`` through, evenly."""

    def __init__(self, requests_per_s: float | None) -> None:
        self._gap_s = 1 / requests_per_s if requests_per_s else 0.0
        self._next_s = monotonic()

    async def wait(self) -> None:
        """Return when it is this caller's turn."""
        turn_s = max(self._next_s, monotonic())
        self._next_s = turn_s + self._gap_s
        if self._gap_s:
            await asyncio.sleep(turn_s - monotonic())
