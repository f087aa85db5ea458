"""Samples of GPUs and calls that ran on them, short to write, and what settlement made of them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.warehouse.settling import HOW, LATER, World
from tests.warehouse.told import START, span
from warehouse.settings import SettleSettings

NODE = "node-1"
MODEL = "NVIDIA H100 80GB HBM3"
RATES = '[[rates]]\ngpu_model = "NVIDIA H100*"\nusd_per_hour = "3.60"\n'
HOUR = 3600


def at(seconds: float) -> dt.datetime:
    """So many seconds after noon."""
    return START + dt.timedelta(seconds=seconds)


def sample(seconds: float, busy: float | None, **values: Any) -> dict[str, Any]:
    """One sample of a GPU of ``NODE``."""
    plain = {"source": "dcgm", "gpu_uuid": "GPU-1", "gpu_model": MODEL, "host": NODE, "gpu_index": 0}
    return plain | {"sampled_at": at(seconds), "utilisation": busy} | values


def samples(busy: float, first: int = 0, last: int = HOUR, step: int = 15, **values: Any) -> list[dict[str, Any]]:
    """Samples of an equally busy GPU from ``first`` to ``last``."""
    return [sample(seconds, busy, **values) for seconds in range(first, last + 1, step)]


def call(name: str, seconds: float, took: float, tenant: str | None = "acme", **values: Any) -> dict[str, Any]:
    """A call to ``NODE`` that begins some seconds after noon, of 1000 input and 100 output tokens."""
    told = {
        "tenant": tenant, "feature": "chat", "server_address": NODE, "provider": "vllm", "request_model": "llama",
        "input_tokens": 1000, "output_tokens": 100,
    }  # fmt: skip
    return span(name, trace=name, at=seconds * 1000, ms=took * 1000, **(told | values))


def settings(directory: Path, text: str = RATES) -> SettleSettings:
    """Settings with a file of GPUs."""
    file = directory / "gpus.toml"
    file.write_text(text)
    return SettleSettings(memory_mib=HOW.memory_mib, gpus=str(file))


def settled(world: World, how: SettleSettings, now: dt.datetime = LATER) -> World:
    """The same world, settled."""
    world.settle(now=now, how=how)
    return world


def minutes(world: World) -> list[dict[str, Any]]:
    """What the books say of GPUs, by minute and line, nothing left out that is not 0."""
    names = "minute, gpu, mig_id, terms, line, tenant, feature, model"
    sums = ("time_us", "priced_us", "calls", "input_tokens", "output_tokens", "cost_usd")
    found = world.sql(
        f"SELECT {names}, {', '.join(f'sum({one})' for one in sums)} FROM gpu_minutes GROUP BY ALL "  # noqa: S608
        f"HAVING {' OR '.join(f'sum({one}) <> 0' for one in sums)} ORDER BY ALL",
        "gpu_minutes",
    )
    return [dict(zip([*names.split(", "), *sums], row, strict=True)) for row in found]


def sums(rows: list[dict[str, Any]], *by: str) -> dict[Any, tuple[float, Decimal]]:
    """Seconds and cost by line, or by other columns."""
    keys = by or ("line",)
    found: dict[Any, tuple[int, Decimal]] = {}
    for row in rows:
        key = tuple(row[name] for name in keys) if len(keys) > 1 else row[keys[0]]
        time_us, cost = found.get(key, (0, Decimal(0)))
        found[key] = time_us + int(row["time_us"]), cost + row["cost_usd"]
    return {key: (time_us / 1e6, cost) for key, (time_us, cost) in found.items()}


def total(rows: list[dict[str, Any]]) -> tuple[float, Decimal]:
    """Seconds and cost of all."""
    return sum(int(row["time_us"]) for row in rows) / 1e6, sum((row["cost_usd"] for row in rows), Decimal(0))
