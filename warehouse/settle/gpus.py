"""The lines of ``gpu_minutes`` that some hours lack: whose the minutes of the GPUs were, and what they cost.

1. ``gpu_seen.sql``: what samples say: the moments of each GPU, and how GPUs and model servers are called.
2. ``gpu_calls.sql``: the calls that were under way, and where they say that they ran; ``warehouse.gpus.places`` says on
   which GPUs that was, the file of GPUs what these cost and what tokens weigh.
3. ``gpu_shares.sql``: each minute divided among calls, what nobody knows, and idle time.
4. ``gpu_lines.sql``: the same in time and money, less what the books say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from warehouse.engine import Connection
from warehouse.gpus import Fleet
from warehouse.gpus.places import Asked, Gpu, ToldServer, call_servers, find, names
from warehouse.schemas import TIME
from warehouse.schemas.kinds import fields
from warehouse.settle.books import state_spans
from warehouse.settle.standing import FIRST, HOUR, Standing
from warehouse.settle.statements import read_sql

REACH = HOUR
"""A sample, or a call, says something of so long before it."""
_SLICES = 7
_SLICES_OF_A30 = 4
_MINUTES = 60

_OF = pa.schema(
    [
        pa.field("hour", TIME),
        *fields("gpu mig mig_profile gpu_model host", pa.string()),
        *fields("slices whole", pa.int64()),
    ]
)
_RATES = pa.schema([pa.field("hour", TIME), *fields("gpu terms", pa.string()), pa.field("picos_per_hour", pa.int64())])
_PLACED = pa.schema(
    [
        pa.field("hour", TIME),
        *fields("address pod host provider model gpu mig", pa.string()),
        *fields("nth among", pa.int64()),
    ]
)
_WEIGHTS = pa.schema([*fields("model", pa.string()), *fields("input cached_input output", pa.int64())])


def find_gpu_lines(connection: Connection, fleet: Fleet, standing: Standing, hours: Sequence[datetime]) -> pa.Table:
    """Rows of ``gpu_minutes`` to add, without settlement and close.

    Needs the views ``gpu_samples``, ``gpu_minutes``, ``spans`` and ``corrections``, from ``REACH`` before ``hours`` to
    ``REACH`` after them.
    """
    first, last = min(hours), max(hours) + HOUR
    state_spans(connection, first, last + REACH)
    connection.register("minutes", _minutes(hours))
    connection.execute("SET VARIABLE since = $1", [first - REACH])
    connection.execute("SET VARIABLE before = $1", [last + REACH])
    connection.execute(read_sql("gpu_seen"))
    named = connection.sql("FROM gpu_named ORDER BY ALL").to_arrow_table().to_pylist()
    connection.register("gpu_of", _parts(named))
    connection.register("gpu_rate", _rates(named, fleet))
    connection.execute("SET VARIABLE since = $1", [first])
    connection.execute(read_sql("gpu_calls"))
    asked = connection.sql("FROM gpu_asked ORDER BY ALL").to_arrow_table().to_pylist()
    servers = connection.sql("FROM server_named").to_arrow_table().to_pylist()
    connection.register("gpu_placed", _placed(asked, _by_hour(named, servers, fleet)))
    connection.register("weight_of", _weights(asked, fleet))
    connection.execute("SET VARIABLE closed_to = $1", [standing.closed_to])
    connection.execute("SET VARIABLE entry = $1", ["late"])
    connection.execute("SET VARIABLE months_closed_to = $1", [standing.months_closed_to])
    connection.execute(read_sql("gpu_shares"))
    connection.execute(read_sql("gpu_lines"))
    return connection.sql("FROM gpu_lines").to_arrow_table()


def _minutes(hours: Iterable[datetime]) -> pa.Table:
    """Every minute of the hours: (hour, minute, hour_number, minute_us)."""
    starts = [(hour, hour + timedelta(minutes=number)) for hour in sorted(hours) for number in range(_MINUTES)]
    return pa.table(
        {
            "hour": pa.array([hour for hour, _ in starts], TIME),
            "minute": pa.array([minute for _, minute in starts], TIME),
            "hour_number": pa.array([int((hour - FIRST) / HOUR) for hour, _ in starts], pa.int64()),
            "minute_us": pa.array([int((minute - FIRST) / timedelta(microseconds=1)) for _, minute in starts]),
        }
    )


def _parts(named: Iterable[Mapping[str, object]]) -> pa.Table:
    """Each GPU, or part of one, by hour; ``slices`` of ``whole`` it is."""
    found: dict[tuple[object, ...], dict[str, object]] = {}
    for row in named:
        slices, whole = slices_of(str(row["mig_profile"] or ""), str(row["gpu_model"] or "")) if row["mig"] else (1, 1)
        part = {name: row[name] for name in ("hour", "gpu", "mig", "mig_profile", "gpu_model", "host")}
        found[row["hour"], row["gpu"], row["mig"]] = part | {"slices": slices, "whole": whole}
        idle = part | {"mig": "", "mig_profile": None, "slices": 1, "whole": 1}
        found.setdefault((row["hour"], row["gpu"], ""), idle)
    return pa.Table.from_pylist(list(found.values()), schema=_OF)


def slices_of(profile: str, gpu_model: str) -> tuple[int, int]:
    """How many of how many slices an instance has: ``3g.20gb`` has 3 of 7, on an A30 of 4; one where nobody says."""
    whole = _SLICES_OF_A30 if "A30" in gpu_model.split() or "A30" in gpu_model.split("-") else _SLICES
    count = profile.partition("g.")[0]
    return min(int(count), whole) if count.isdecimal() and int(count) else 1, whole


def _rates(named: Iterable[Mapping[str, object]], fleet: Fleet) -> pa.Table:
    rows = {}
    for row in named:
        hour, host, model = row["hour"], row["host"], row["gpu_model"]
        assert isinstance(hour, datetime)  # noqa: S101 - as the SQL gives it; tells mypy
        rate = fleet.rate(None if host is None else str(host), None if model is None else str(model), hour.date())
        if rate is not None:
            rows[hour, row["gpu"]] = {
                "hour": hour, "gpu": row["gpu"], "terms": rate.terms, "picos_per_hour": rate.picos_per_hour,
            }  # fmt: skip
    return pa.Table.from_pylist(list(rows.values()), schema=_RATES)


def _by_hour(
    named: Iterable[Mapping[str, object]], servers: Iterable[Mapping[str, object]], fleet: Fleet
) -> dict[object, list[Gpu]]:
    """The GPUs that calls may have run on, by hour, in order of their names; of one that is divided its parts."""
    found: dict[tuple[object, ...], Gpu] = {}
    for row in named:
        gpu = found.setdefault((row["hour"], row["gpu"], row["mig"]), Gpu(gpu=str(row["gpu"]), mig=str(row["mig"])))
        gpu.hosts |= names(_text(row["host"]))
        gpu.pods |= names(_text(row["pod"]))
    hours: dict[object, list[Gpu]] = {}
    for hour, _, _ in found:
        hours.setdefault(hour, [])
    for hour, gpus in hours.items():
        here = sorted((gpu for key, gpu in found.items() if key[0] == hour), key=lambda one: (one.gpu, one.mig))
        divided = {gpu.gpu for gpu in here if gpu.mig}
        gpus += [gpu for gpu in here if gpu.mig or gpu.gpu not in divided]
        told = [
            ToldServer(
                address=_text(row["model_server"]),
                pod=_text(row["pod"]),
                host=_text(row["host"]),
                model=_text(row["model"]),
            )
            for row in servers
            if row["hour"] == hour
        ]
        call_servers(gpus, told, fleet.servers)
    return hours


def _placed(asked: Iterable[Mapping[str, object]], gpus: Mapping[object, list[Gpu]]) -> pa.Table:
    """What calls say of where they ran -> each GPU that is, the ``nth`` of ``among`` from 0."""
    rows = []
    for row in asked:
        told = {name: str(row[name]) for name in ("address", "pod", "host", "provider", "model")}
        found = find(Asked(**told), gpus.get(row["hour"], []))
        for nth, gpu in enumerate(found):
            rows.append(told | {"hour": row["hour"], "gpu": gpu.gpu, "mig": gpu.mig, "nth": nth, "among": len(found)})
    return pa.Table.from_pylist(rows, schema=_PLACED)


def _weights(asked: Iterable[Mapping[str, object]], fleet: Fleet) -> pa.Table:
    rows = []
    for model in sorted({str(row["model"]) for row in asked}):
        weights = fleet.weights_of(model or None)
        kinds = {"input": weights.input, "cached_input": weights.cached_input, "output": weights.output}
        rows.append({"model": model} | kinds)
    return pa.Table.from_pylist(rows, schema=_WEIGHTS)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
