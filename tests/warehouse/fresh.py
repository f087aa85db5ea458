"""New lakes at a quarter of their price: a copy of an empty one, which is made once in each process."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from warehouse.lake import Lake
from warehouse.lake.place import Place
from warehouse.settings import LakeSettings


def open_lake(settings: LakeSettings) -> Lake:
    """As ``Lake.open``; new lakes of a process have the same id."""
    place = Place.of(settings)
    if place.directory is not None and not place.directory.exists():
        shutil.copytree(_empty(), place.directory)
    return Lake.open(settings)


@functools.cache
def _empty() -> Path:
    root = Path(tempfile.mkdtemp(prefix="empty-lake-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    Lake.open(LakeSettings(url=str(root / "lake")))
    return root / "lake"
