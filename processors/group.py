"""Step 0 of the commit protocol: a consumer group is never ahead of its lake.

The group's name holds the lake's id, so a new lake starts at the earliest offset. A lake restored from a backup is
behind its group: then, as long as the group has no members, its offsets are set back to what the lake expects next.
"""

from __future__ import annotations

from collections.abc import Mapping

from ingest import kafka
from ingest.errors import CannotStart
from ingest.settings import KafkaSettings
from processors.pending import Stream
from warehouse.lake import Lake


def group_id(lake_id: str) -> str:
    """Name of the consumer group of a lake."""
    return f"spanledger-{lake_id}"


def ahead(
    committed: Mapping[Stream, int], expected: Mapping[Stream, int | None], earliest: Mapping[Stream, int]
) -> dict[Stream, int]:
    """Offsets to set back: where the group stands beyond what the lake expects next (None = has nothing yet)."""
    targets: dict[Stream, int] = {}
    for stream, offset in committed.items():
        wanted = expected.get(stream)
        target = earliest.get(stream, 0) if wanted is None else wanted
        if offset > target:
            targets[stream] = target
    return targets


def align(settings: KafkaSettings, lake: Lake, topics: list[str]) -> dict[Stream, int]:
    """Set the group back to the lake where it is ahead, and return what was set.

    Raises CannotStart when the group is ahead and has members: stop those workers first.
    """
    group = group_id(lake.id)
    ids = kafka.streams(settings, topics)
    known = lake.next_offsets(sorted(ids.values()))
    expected = {stream: _smallest(known[app_id]) for stream, app_id in ids.items()}
    committed = {s: offset for s, offset in kafka.group_offsets(settings, group).items() if s in ids}
    targets = ahead(committed, expected, kafka.earliest_offsets(settings, topics))
    if targets:
        members = kafka.group_members(settings, group)
        if members:
            raise CannotStart(
                f"consumer group {group} is ahead of the lake in {len(targets)} partition(s) and has {members} "
                "member(s): stop the other workers, then start again, and the missing offsets are read once more"
            )
        kafka.set_group_offsets(settings, group, targets)
    return targets


def _smallest(next_offsets: Mapping[str, int | None]) -> int | None:
    known = [offset for offset in next_offsets.values() if offset is not None]
    return min(known) if len(known) == len(next_offsets) else None
