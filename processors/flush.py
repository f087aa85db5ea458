"""One flush: the commit protocol of the design (section 4), synchronous, for a thread.

0. Before joining the group, ``processors.group`` has set the group back to the lake where it was ahead of it.
1. Decode and process the messages of ``[first, next)`` per partition. A bad message goes to the DLQ with its reason
   and is acknowledged by Kafka before step 3; it counts as processed.
2. Load each table once; drop what it has already.
3. Append to each table in ONE Delta commit with the offsets inside; spans last, then one row per partition in
   ``flushes``.
4. Publish commit notices: hints, for whoever waits.
5. Acknowledge the Kafka offsets: the caller does, with ``Flushed.released``.

A crash between any two steps changes no total: the lake says which offsets it has (2), and a range that only some
tables have is taken once more as exactly that range (``processors.plan``). ``on_step`` is called between the steps, so
that tests can stop the process there.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from processors.engine import Engine
from processors.messages import DeadLetter, Message, Processed
from processors.metrics import WorkerMetrics
from processors.pending import Stream
from processors.plan import Take, have, take
from processors.sieve import process_all
from warehouse import schemas
from warehouse.lake import Flush, Lake, Range

log = logging.getLogger("spanledger.worker")


class Sink(Protocol):
    """Where dead letters and notices go: Kafka, or a list in tests."""

    def dead_letters(self, letters: Sequence[tuple[Message, DeadLetter]]) -> None:
        """Hand over dead letters and return when they are durable. Raises BrokerUnavailable."""

    def notices(self, versions: Mapping[str, int]) -> None:
        """Publish commit notices, ``{table: version}``; losing one is allowed."""


class Streams(Protocol):
    """What Kafka calls the partitions, and what it still has of them."""

    def app_ids(self, streams: Iterable[Stream]) -> dict[Stream, str]:
        """Identity of each stream: cluster id / topic id / partition. Raises BrokerUnavailable."""

    def earliest(self, stream: Stream) -> int:
        """The first offset that Kafka still has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """What one flush did: offsets to acknowledge below, and sums for the log."""

    released: Mapping[Stream, int]
    spans: int = 0
    billable: int = 0
    ranges: int = 0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flusher:
    """Takes what is pending through steps 1 to 4."""

    lake: Lake
    engine: Engine
    sink: Sink
    streams: Streams
    worker: str  # name of this process in `flushes`
    metrics: WorkerMetrics
    current: Callable[[Engine], Engine] = field(default=lambda engine: engine)  # with the prices of now
    on_step: Callable[[str], None] = field(default=lambda _: None)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def flush(self, pending: Mapping[Stream, Sequence[Message]], ends: Mapping[Stream, int]) -> Flushed:
        """Commit the next range of every stream.

        ``pending``: messages by stream, ascending; ``ends``: end offset of each partition as last seen.
        Raises LakeUnavailable, BrokerUnavailable, or PartlyCommitted (another worker committed a part in between: the
        next try is cut there). Nothing may be acknowledged then; flushing again is safe.
        """
        began = time.monotonic()
        ids = self.streams.app_ids(pending)
        had = {app_id: have(offsets) for app_id, offsets in self.lake.next_offsets(sorted(ids.values())).items()}
        takes = {stream: take(ids[stream], messages, had[ids[stream]]) for stream, messages in pending.items()}
        chosen = {stream: one for stream, one in takes.items() if one is not None}
        released = {
            stream: had[ids[stream]].nearest or 0 for stream, one in takes.items() if one is None
        }  # these wait, or every table has them
        made = process_all([one.messages for one in chosen.values()], self.current(self.engine))
        processed = {one.app_id: each for one, each in zip(chosen.values(), made, strict=True)}
        self.on_step("processed")
        self.sink.dead_letters(
            [(one.messages[dead.index], dead) for one in chosen.values() for dead in processed[one.app_id].dead]
        )
        self.on_step("dead-lettered")
        for stream, one in chosen.items():
            self._report_loss(stream, one)
        if chosen:
            rows = self._flush_rows(chosen, processed, ends, time.monotonic() - began)
            versions = self.lake.commit(_as_flush(chosen.values(), processed, rows), on_step=self.on_step)
            self.on_step("committed")
            self.sink.notices(versions)
            self.on_step("noticed")
        return self._account(chosen, processed, released, began)

    def _report_loss(self, stream: Stream, one: Take) -> None:
        """Say loudly where Kafka no longer has offsets that the lake still expected (retention was too short)."""
        if not one.missing:
            return  # transaction markers and compaction leave gaps too: those are no loss
        lost = min(one.next, self.streams.earliest(stream)) - one.first
        if lost > 0:
            self.metrics.count("lost_messages", lost, topic=stream[0], partition=str(stream[1]))
            log.error("kafka no longer has what the lake expects topic=%s partition=%d first=%d lost=%d",
                      *stream, one.first, lost)  # fmt: skip

    def _flush_rows(
        self,
        chosen: Mapping[Stream, Take],
        processed: Mapping[str, Processed],
        ends: Mapping[Stream, int],
        seconds: float,
    ) -> dict[str, pa.Table]:
        at = self.now()
        flush_id = _flush_id(chosen.values())
        rows: dict[str, pa.Table] = {}
        for (topic, partition), one in chosen.items():
            made = processed[one.app_id]
            times = [m.received_at_us for m in one.messages]
            row = {
                "day": at.date(),
                "flush_id": flush_id,
                "app_id": one.app_id,
                "topic": topic,
                "partition": partition,
                "first_offset": one.first,
                "next_offset": one.next,
                "end_offset": max(ends.get((topic, partition), 0), one.next),
                "gap_messages": one.missing,
                "first_record_at": min(times, default=None),
                "last_record_at": max(times, default=None),
                "flushed_at": at,
                "messages": len(one.messages),
                "bytes": sum(len(m.value) for m in one.messages),
                "spans": made.tables["spans"].num_rows,
                "billable_spans": _billable(made),
                "rows": [(table, made.tables[table].num_rows) for table in made.tables],
                "dropped": list(made.dropped.items()),
                "suppressed": list(made.suppressed.items()),
                "hidden": list(made.hidden.items()),
                "duration_ms": seconds * 1000.0,
                "worker": self.worker,
            }
            rows[one.app_id] = pa.Table.from_pylist([row], schema=schemas.FLUSHES)
        return rows

    def _account(
        self,
        chosen: Mapping[Stream, Take],
        processed: Mapping[str, Processed],
        released: Mapping[Stream, int],
        began: float,
    ) -> Flushed:
        seconds = time.monotonic() - began
        spans = sum(made.tables["spans"].num_rows for made in processed.values())
        billable = sum(_billable(made) for made in processed.values())
        self.metrics.count("flushes", 1, outcome="committed" if chosen else "had")
        self.metrics.observe("flush_seconds", seconds)
        self.metrics.count("processed_spans", spans)
        self.metrics.count("billable_spans", billable)
        for (topic, _), one in chosen.items():
            self.metrics.count("outcomes", processed[one.app_id].tables["outcomes"].num_rows, topic=topic)
        for made in processed.values():
            self.metrics.count("ignored_log_records", made.ignored)
            for reason, count in made.dropped.items():
                self.metrics.count("dropped", count, reason=reason)
            for rule, count in made.repaired.items():
                self.metrics.count("repaired_spans", count, rule=rule)
            for rule, count in made.hidden.items():
                self.metrics.count("hidden_names", count, rule=rule)
        return Flushed(
            released={**released, **{stream: one.next for stream, one in chosen.items()}},
            spans=spans,
            billable=billable,
            ranges=len(chosen),
            duration_s=seconds,
        )


def _billable(made: Processed) -> int:
    return int(pc.sum(made.tables["spans"].column("billable"), min_count=0).as_py())


def _flush_id(takes: Iterable[Take]) -> str:
    """The same ranges always have the same id, whoever flushes them."""
    text = "\n".join(sorted(f"{one.app_id} {one.first} {one.next}" for one in takes))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _as_flush(takes: Iterable[Take], processed: Mapping[str, Processed], rows: Mapping[str, pa.Table]) -> Flush:
    ranges = tuple(Range(app_id=one.app_id, first=one.first, next=one.next) for one in takes)
    tables = {
        table: {app_id: made.tables[table] for app_id, made in processed.items()}
        for table in schemas.COMMIT_ORDER
        if table != "flushes"
    }
    return Flush(ranges=ranges, tables={**tables, "flushes": dict(rows)})
