"""The lines of ``gpu_minutes`` that some hours lack: whose the minutes of the GPUs were, and what they cost.

1. ``gpu_seen.sql``: what samples say: the moments of each GPU, and how GPUs and model servers are called.
2. ``gpu_calls.sql``: the calls that were under way, and where they say that they ran; ``placing.py`` says on which
   GPUs that was, the file of GPUs what these cost and what tokens weigh.
3. ``gpu_shares.sql``: each minute divided among calls, what nobody knows, and idle time.
4. ``gpu_lines.sql``: the same in time and money, less what the books say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from warehouse.corrected import correct_spans
from warehouse.engine import Connection
from warehouse.gpus import Fleet
from warehouse.relations import FIRST
from warehouse.schemas import TIME
from warehouse.schemas.kinds import fields
from warehouse.settle.placing import MINUTES, Row, place
from warehouse.settle.standing import HOUR, Standing
from warehouse.settle.statements import read_sql

REACH = HOUR
"""A sample, or a call, says something of so long before it."""
_SLICES = 7
_FEWER_SLICES = {re.compile(r"\bA30\b|\bRTX PRO 6000\b"): 4, re.compile(r"\bRTX PRO [45][05]00\b"): 2}
"""GPUs that are divided into fewer: NVIDIA's MIG User Guide, "Supported GPUs", read 2026-11-22."""
_INSTANCE = re.compile(r"(?:(\d+)c\.)?(\d+)g\.")
"""``3g.40gb``, or a part of one: ``1c.3g.40gb``."""

_OF = pa.schema(
    [
        pa.field("hour", TIME),
        *fields("gpu part mig_id mig_profile gpu_model host", pa.string()),
        *fields("slices whole", pa.int64()),
    ]
)
_RATES = pa.schema([pa.field("hour", TIME), *fields("gpu terms", pa.string()), pa.field("picos_per_hour", pa.int64())])
_WEIGHTS = pa.schema([*fields("model", pa.string()), *fields("input cached_input output", pa.int64())])

Called = dict[tuple[datetime, str], tuple[set[str | None], set[str | None]]]
"""(hour, GPU) -> models, hosts."""


def find_gpu_lines(connection: Connection, fleet: Fleet, standing: Standing, hours: Sequence[datetime]) -> pa.Table:
    """Rows of ``gpu_minutes`` to add, without settlement and close.

    Needs the views ``gpu_samples``, ``gpu_minutes``, ``spans`` and ``corrections``, from ``REACH`` before ``hours`` to
    ``REACH`` after them.
    """
    first, last = min(hours), max(hours) + HOUR
    correct_spans(connection, first, last + REACH)
    connection.register("minutes", _minutes(hours))
    connection.execute("SET VARIABLE since = $1", [first - REACH])
    connection.execute("SET VARIABLE before = $1", [last + REACH])
    connection.execute(read_sql("gpu_seen"))
    named = connection.sql("FROM gpu_named ORDER BY ALL").to_arrow_table().to_pylist()
    called = _called(connection.sql("FROM gpu_called").fetchall())
    connection.register("gpu_of", _parts(named, called))
    connection.register("gpu_rate", _rates(called, fleet))
    connection.execute("SET VARIABLE since = $1", [first])
    connection.execute(read_sql("gpu_calls"))
    asked = connection.sql("FROM gpu_asked ORDER BY ALL").to_arrow_table().to_pylist()
    servers = connection.sql("FROM server_named ORDER BY ALL").to_arrow_table().to_pylist()
    scenes, placed = place(asked, named, servers, fleet)
    connection.register("gpu_scene", scenes)
    connection.register("gpu_placed", placed)
    connection.register("weight_of", _weights(asked, fleet))
    connection.execute("SET VARIABLE closed_to = $1", [standing.closed_to])
    connection.execute("SET VARIABLE entry = $1", ["late"])
    connection.execute("SET VARIABLE months_closed_to = $1", [standing.months_closed_to])
    connection.execute(read_sql("gpu_shares"))
    connection.execute(read_sql("gpu_lines"))
    return connection.sql("FROM gpu_lines").to_arrow_table()


def _minutes(hours: Iterable[datetime]) -> pa.Table:
    """Every minute of the hours: (hour, minute, hour_number, minute_us, bit = 1 << its number within the hour)."""
    starts = [(hour, number, hour + timedelta(minutes=number)) for hour in sorted(hours) for number in range(MINUTES)]
    return pa.table(
        {
            "hour": pa.array([hour for hour, _, _ in starts], TIME),
            "minute": pa.array([minute for _, _, minute in starts], TIME),
            "hour_number": pa.array([int((hour - FIRST) / HOUR) for hour, _, _ in starts], pa.int64()),
            "minute_us": pa.array([int((minute - FIRST) / timedelta(microseconds=1)) for _, _, minute in starts]),
            "bit": pa.array([1 << number for _, number, _ in starts], pa.int64()),
        }
    )


def _called(told: Iterable[tuple[Any, ...]]) -> Called:
    """The models and the hosts that each GPU is told of with in an hour, NULL among them."""
    found: Called = {}
    for hour, gpu, model, host in told:
        models, hosts = found.setdefault((hour, gpu), (set(), set()))
        models.add(model)
        hosts.add(host)
    return found


def _parts(named: Iterable[Row], called: Called) -> pa.Table:
    """Each GPU and each part of one, by hour; ``slices`` of ``whole`` it is."""
    found: dict[tuple[datetime, str, str], dict[str, Any]] = {}
    whole: dict[tuple[datetime, str], int] = {}
    for hour, gpu, name in {(row["hour"], row["gpu"], row["part"]): None for row in named}:
        mig, _, profile = name.partition("/")
        model, host = (max(filter(None, told), default=None) for told in called[hour, gpu])
        slices, of = slices_of(profile, model or "") if mig else (1, 1)
        whole[hour, gpu] = max(of, whole.get((hour, gpu), 1))
        told = {"gpu_model": model, "host": host, "mig_id": mig or None, "mig_profile": profile or None}
        found[hour, gpu, name] = {"hour": hour, "gpu": gpu, "part": name, "slices": slices} | told
    for (hour, gpu, name), part in found.items():
        part["whole"] = whole[hour, gpu]
        part["slices"] = part["slices"] if name else part["whole"]
    return pa.Table.from_pylist(list(found.values()), schema=_OF)


def slices_of(profile: str, gpu_model: str) -> tuple[int, int]:
    """How many of how many slices an instance has: ``3g.20gb`` has 3 of 7, on an A30 of 4; one where nobody says."""
    whole = next((slices for name, slices in _FEWER_SLICES.items() if name.search(gpu_model)), _SLICES)
    found = _INSTANCE.match(profile)
    return min(int(found[1] or found[2]), whole) if found else 1, whole


def _rates(called: Called, fleet: Fleet) -> pa.Table:
    rows = [
        {"hour": hour, "gpu": gpu, "terms": rate.terms, "picos_per_hour": rate.picos_per_hour}
        for (hour, gpu), (models, hosts) in called.items()
        if (rate := fleet.rate(hosts, models, hour.date()))
    ]
    return pa.Table.from_pylist(rows, schema=_RATES)


def _weights(asked: Iterable[Row], fleet: Fleet) -> pa.Table:
    rows = []
    for model in sorted({row["model"] for row in asked}):
        weights = fleet.weights_of(model or None)
        kinds = {"input": weights.input, "cached_input": weights.cached_input, "output": weights.output}
        rows.append({"model": model} | kinds)
    return pa.Table.from_pylist(rows, schema=_WEIGHTS)
