"""What the lake says against what the topic holds: to the span, the picodollar and the offset."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from kafka import KafkaConsumer, TopicPartition

from benchmarks.faults.source import ONCE, Message
from benchmarks.faults.world import World
from ingest.kafka import client_config, end_offsets, streams
from spanledger.verdict import Check

Place = tuple[int, int]


@dataclass(slots=True)
class Topic:
    """What a topic holds: by partition and offset the message whose bytes stand there."""

    messages: dict[Place, Message] = field(default_factory=dict)
    foreign: int = 0  # records that nobody sent
    read: dict[int, int] = field(default_factory=dict)

    def catch_up(self, world: World) -> None:
        """Read what is new."""
        known = {message.value: message for message, _ in world.acknowledged}
        known |= {message.value: message for message in world.uncertain}
        for place, value in records(world, world.kafka.spans_topic, self.read):
            if value in known:
                self.messages[place] = known[value]
            else:
                self.foreign += 1
            self.read[place[0]] = place[1] + 1


def records(world: World, topic: str, first: Mapping[int, int]) -> Iterable[tuple[Place, bytes]]:
    """Records of a topic from these offsets to its end."""
    ends = {partition: end for (_, partition), end in end_offsets(world.kafka, [topic]).items()}
    places = [TopicPartition(topic, partition) for partition, end in ends.items() if end > first.get(partition, 0)]
    if not places:
        return
    consumer = KafkaConsumer(**client_config(world.kafka), group_id=None, enable_auto_commit=False)
    try:
        consumer.assign(places)
        for place in places:
            consumer.seek(place, first.get(place.partition, 0))
        while any(consumer.position(place) < ends[place.partition] for place in places):
            for place, batch in consumer.poll(timeout_ms=1000).items():
                yield from (((place.partition, record.offset), record.value or b"") for record in batch)
    finally:
        consumer.close()


def dead_letters(world: World) -> set[Place]:
    """Where the messages stood that are in the dead letter queue; one may be in it twice."""
    found = set()
    topic = world.kafka.dlq_topic
    consumer = KafkaConsumer(**client_config(world.kafka), group_id=None, enable_auto_commit=False)
    try:
        places = [TopicPartition(topic, partition) for _, partition in end_offsets(world.kafka, [topic])]
        ends = {TopicPartition(*place): end for place, end in end_offsets(world.kafka, [topic]).items()}
        consumer.assign(places)
        consumer.seek_to_beginning()
        while any(consumer.position(place) < ends[place] for place in places):
            for batch in consumer.poll(timeout_ms=1000).values():
                for record in batch:
                    said = dict(record.headers)
                    found.add((int(said["source-partition"]), int(said["source-offset"])))
    finally:
        consumer.close()
    return found


def compare(world: World, topic: Topic) -> list[Check]:
    """Every check of a round; the lake must have come to the end of the topic before."""
    spans = _rows(world.lake, "spans", ("trace_id", "span_id", "tenant", "billable", "cost_usd",
                                        "source_partition", "source_offset"))  # fmt: skip
    usage = _rows(world.lake, "usage", ("tenant", "calls", "cost_usd"))
    poison = {place for place, message in topic.messages.items() if message.is_poison}
    lost = [place for _, place in world.acknowledged if place not in topic.messages]
    return [
        Check(name="acknowledged records that Kafka lost", expected=0, found=len(lost)),
        Check(name="records that nobody sent", expected=0, found=topic.foreign),
        Check(name="rows by span and record", expected=True, found=_by_record(spans) == _sent(topic)),
        Check(name="distinct spans by tenant", expected=_distinct(topic), found=_distinct_rows(spans)),
        Check(name="cost by tenant, each span once", expected=_cost(topic), found=_cost_rows(spans)),
        Check(name="usage of who repeats nothing", expected=_calls_and_cost(topic), found=_usage(usage, ONCE)),
        Check(name="usage is the sum of billed spans", expected=_billed(spans), found=_usage(usage, None)),
        Check(name="offsets in every flush once", expected=_ends(topic), found=_flushed(world)),
        Check(name="dead letters", expected=len(poison), found=len(dead_letters(world) & set(topic.messages))),
        Check(name="… are the poison", expected=True, found=dead_letters(world) == poison),
    ]


def _rows(lake: Path, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    found = DeltaTable(str(lake / table)).to_pyarrow_table(columns=list(columns))
    return list(zip(*(found[name].to_pylist() for name in columns), strict=True))


def _by_record(spans: Iterable[tuple[Any, ...]]) -> Counter[tuple[bytes, int, int]]:
    return Counter((row[0] + row[1], row[5], row[6]) for row in spans)


def _sent(topic: Topic) -> Counter[tuple[bytes, int, int]]:
    return Counter((span.ids, *place) for place, message in topic.messages.items() for span in message.spans)


def _distinct(topic: Topic) -> dict[str, int]:
    ids = {(span.tenant, span.ids) for message in topic.messages.values() for span in message.spans}
    return dict(sorted(Counter(tenant for tenant, _ in ids).items()))


def _distinct_rows(spans: Iterable[tuple[Any, ...]]) -> dict[str, int]:
    ids = {(row[2], row[0] + row[1]) for row in spans}
    return dict(sorted(Counter(tenant for tenant, _ in ids).items()))


def _cost(topic: Topic) -> dict[str, Decimal]:
    cost = {(s.tenant, s.ids): s.cost_usd for message in topic.messages.values() for s in message.spans}
    return _sum((tenant, usd) for (tenant, _), usd in cost.items())


def _cost_rows(spans: Iterable[tuple[Any, ...]]) -> dict[str, Decimal]:
    cost = {(row[2], row[0] + row[1], row[4]) for row in spans if row[3]}  # two costs of one span would both count
    return _sum((tenant, usd) for tenant, _, usd in cost)


def _calls_and_cost(topic: Topic) -> dict[str, tuple[int, Decimal]]:
    """Calls and cost of the tenants whose spans come in one message only, each span once."""
    calls = {s.ids: s for m in topic.messages.values() for s in m.spans if s.call and s.tenant in ONCE}
    return _count_and_sum((s.tenant, 1, s.cost_usd) for s in calls.values())


def _usage(usage: Iterable[tuple[Any, ...]], tenants: Sequence[str] | None) -> dict[str, tuple[int, Decimal]]:
    return _count_and_sum(row for row in usage if tenants is None or row[0] in tenants)


def _billed(spans: Iterable[tuple[Any, ...]]) -> dict[str, tuple[int, Decimal]]:
    return _count_and_sum((row[2], 1, row[4]) for row in spans if row[3])


def _count_and_sum(rows: Iterable[tuple[str, int, Decimal | None]]) -> dict[str, tuple[int, Decimal]]:
    counts: dict[str, int] = defaultdict(int)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for tenant, count, usd in rows:
        counts[tenant] += count
        sums[tenant] += usd or 0
    return {tenant: (counts[tenant], sums[tenant]) for tenant in sorted(counts)}


def _sum(rows: Iterable[tuple[str, Decimal | None]]) -> dict[str, Decimal]:
    return {tenant: usd for tenant, (_, usd) in _count_and_sum((tenant, 1, usd) for tenant, usd in rows).items()}


def _ends(topic: Topic) -> dict[int, list[tuple[int, int]]]:
    """One piece from 0 to the end, by partition."""
    return {partition: [(0, end)] for partition, end in sorted(topic.read.items())}


def _flushed(world: World) -> dict[int, list[tuple[int, int]]]:
    """What ``flushes`` says was taken, by partition: adjoining ranges joined, overlaps and gaps left as they are."""
    ids = {app_id: place[1] for place, app_id in streams(world.kafka, [world.kafka.spans_topic]).items()}
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for app_id, first, after in sorted(_rows(world.lake, "flushes", ("app_id", "first_offset", "next_offset"))):
        if app_id not in ids:
            continue
        pieces = found[ids[app_id]]
        if pieces and pieces[-1][1] == first:
            pieces[-1] = (pieces[-1][0], after)
        else:
            pieces.append((first, after))
    return dict(sorted(found.items()))
