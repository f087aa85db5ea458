"""The series of NAB, their labelled windows, the weights of its profiles, and what was published about them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DEFAULT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nab"
DATA, WINDOWS, PROFILES = "data", "labels/combined_windows.json", "config/profiles.json"
PUBLISHED = ("published/final_results.json", "results/final_results.json")
PROBATION_SHARE, PROBATION_MOST = 0.15, 750


class NoCorpus(Exception):
    """There is no NAB where it was looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One file: ``times`` (n,) POSIX seconds, ``values`` (n,), ``windows``: places of first and last points."""

    name: str
    stamps: tuple[str, ...]
    times: Floats
    values: Floats
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """Points at the beginning by which nobody is judged."""
        return int(min(PROBATION_SHARE * len(self.values), PROBATION_MOST))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a found window gains, what a missed one costs, and a false alarm at most."""

    found: float
    missed: float
    false: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """All of it; ``published``: detector -> profile -> score, empty where it is not there."""

    series: tuple[Series, ...]
    profiles: Mapping[str, Profile]
    published: Mapping[str, Mapping[str, float]]


def read(folder: Path) -> Corpus:
    """The corpus from a checkout of NAB, or from its ``data``, ``labels``, ``config`` and ``published`` alone."""
    missing = [name for name in (DATA, WINDOWS, PROFILES) if not (folder / name).exists()]
    if missing:
        raise NoCorpus(
            f"no {', '.join(missing)} in {folder}: name a checkout of https://github.com/numenta/NAB with --data DIR"
        )
    published = next((folder / name for name in PUBLISHED if (folder / name).exists()), None)
    return Corpus(
        series=tuple(_read(folder / DATA, name, told) for name, told in sorted(_json(folder / WINDOWS).items())),
        profiles=dict(_profiles(_json(folder / PROFILES))),
        published=_json(published) if published else {},
    )


def _json(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


def _profiles(told: Mapping[str, Any]) -> Iterator[tuple[str, Profile]]:
    for name, one in told.items():
        costs = one["CostMatrix"]
        yield name, Profile(found=costs["tpWeight"], missed=costs["fnWeight"], false=costs["fpWeight"])


def _read(folder: Path, name: str, windows: Sequence[tuple[str, str]]) -> Series:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    times = [_time_s(row["timestamp"]) for row in rows]
    places = {time: place for place, time in reversed(list(enumerate(times)))}
    return Series(
        name=name,
        stamps=tuple(row["timestamp"] for row in rows),
        times=np.array(times),
        values=np.array([float(row["value"]) for row in rows]),
        windows=tuple((places[_time_s(first)], places[_time_s(last)]) for first, last in windows),
    )


def _time_s(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
