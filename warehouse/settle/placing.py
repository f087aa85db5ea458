"""On which GPUs calls ran, minute by minute: found once for all minutes in which everything is called the same.

Names of GPUs and servers come with ``bits``, the minutes of the hour in which they hold, 1 << their number added up.
``warehouse.gpus.places`` says what fits what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from warehouse.gpus import Fleet
from warehouse.gpus.places import Asked, Gpu, ToldServer, call_servers, find, names, read_pod, reduce
from warehouse.schemas import TIME
from warehouse.schemas.kinds import fields

MINUTES = 60
"""Of an hour."""
_SCENES = pa.schema([pa.field("minute", TIME), pa.field("scene", pa.int64())])
_ASKED = ("address", "port", "pod", "namespace", "host", "provider", "model")
_PLACED = pa.schema(
    [
        pa.field("scene", pa.int64()),
        *(pa.field(name, pa.int64() if name == "port" else pa.string()) for name in _ASKED),
        *fields("gpu part", pa.string()),
        *fields("nth among", pa.int64()),
    ]
)

Row = Mapping[str, Any]
"""A row of ``gpu_seen.sql`` or ``gpu_calls.sql``."""


def place(
    asked: Iterable[Row], named: Sequence[Row], servers: Sequence[Row], fleet: Fleet
) -> tuple[pa.Table, pa.Table]:
    """(minute, scene), and by scene what calls say of where they ran -> each GPU that is, the ``nth`` of ``among``.

    A scene: minutes of an hour in which the same GPUs are there and called the same.
    """
    scenes: list[dict[str, Any]] = []
    placed: list[dict[str, Any]] = []
    asked_in, gpus_in, servers_in = (_by_hour(rows) for rows in (asked, named, servers))
    for hour, gpus in gpus_in.items():
        told = servers_in.get(hour, [])
        for bits in split_minutes([row["bits"] for row in (*gpus, *told)]):
            number = len(scenes)
            minutes = [hour + timedelta(minutes=minute) for minute in range(MINUTES) if bits >> minute & 1]
            scenes += [{"minute": minute, "scene": number} for minute in minutes]
            here = _scene(_within(bits, gpus), _within(bits, told), fleet)
            known: dict[Asked, list[Gpu]] = {}
            for row in asked_in.get(hour, ()):
                call = {name: row[name] for name in _ASKED}
                reduced = reduce(Asked(**call))
                if reduced not in known:
                    known[reduced] = find(reduced, here)
                found = known[reduced]
                for nth, gpu in enumerate(found):
                    of = {"scene": number, "gpu": gpu.gpu, "part": gpu.part, "nth": nth, "among": len(found)}
                    placed.append(call | of)
    return pa.Table.from_pylist(scenes, schema=_SCENES), pa.Table.from_pylist(placed, schema=_PLACED)


def split_minutes(bits: Iterable[int]) -> list[int]:
    """The minutes of an hour in groups, each of which is wholly within or without each of these; in order."""
    groups = {(1 << MINUTES) - 1}
    for one in set(bits):
        groups = {part for group in groups for part in (group & one, group & ~one) if part}
    return sorted(groups)


def _scene(named: Iterable[Row], servers: Iterable[Row], fleet: Fleet) -> list[Gpu]:
    """The GPUs that calls may have run on, in order of their names; of one that is divided its parts."""
    found: dict[tuple[str, str], Gpu] = {}
    for row in named:
        if row["is_meant"]:
            gpu = found.setdefault((row["gpu"], row["part"]), Gpu(gpu=row["gpu"], part=row["part"]))
            gpu.hosts |= names(row["host"])
            gpu.pods |= read_pod(row["pod"], row["namespace"])
    gpus = [gpu for _, gpu in sorted(found.items())]
    told = [
        ToldServer(
            address=row["model_server"],
            pod=row["pod"],
            namespace=row["namespace"],
            host=row["host"],
            model=row["model"],
        )
        for row in servers
    ]
    call_servers(gpus, told, fleet.servers)
    return gpus


def _within(bits: int, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["bits"] & bits]


def _by_hour(rows: Iterable[Row]) -> dict[datetime, list[Row]]:
    hours: dict[datetime, list[Row]] = {}
    for row in rows:
        hours.setdefault(row["hour"], []).append(row)
    return hours
