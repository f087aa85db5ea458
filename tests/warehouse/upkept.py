"""Lakes with small files for upkeep to merge, and what stands in them."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable

from tests.warehouse.fresh import open_lake
from tests.warehouse.samples import flush_of, stretch
from warehouse.lake import Flush
from warehouse.lake.place import Place
from warehouse.settings import LakeSettings

WRITTEN = ("usage", "spans", "flushes")
FILLED = 3


def fill(settings: LakeSettings, first: int = 0, flushes: int = FILLED) -> list[Flush]:
    """So many flushes of one call each, and one more on top, whose files are the newest."""
    sent = [flush_of(stretch(offset, offset + 1)) for offset in range(first, first + flushes)]
    lake = open_lake(settings)
    for flush in sent:
        lake.commit(flush)
        time.sleep(0.002)  # a file is merged when a later commit exists
    return sent


def filled(settings: LakeSettings) -> list[Flush]:
    """As ``fill``; a directory is a copy of one that was filled once in each process: its files are not new."""
    directory = Place.of(settings).directory
    if directory is None:
        return fill(settings)
    root, sent = _filled()
    shutil.copytree(root, directory)
    return sent


@functools.cache
def _filled() -> tuple[Path, list[Flush]]:
    root = Path(tempfile.mkdtemp(prefix="filled-lake-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root / "lake", fill(LakeSettings(url=str(root / "lake")))


def later(**ago: float) -> datetime:
    """So long after now."""
    return datetime.now(UTC) + timedelta(**ago)


def active(settings: LakeSettings, table: str) -> list[str]:
    """Paths of the files that a table holds."""
    return [str(path) for path in DeltaTable(f"{settings.url}/{table}").file_uris()]


def age(settings: LakeSettings, **by: float) -> None:
    """Make everything in the lake's directories, and what the logs say was removed, so much older."""
    seconds = timedelta(**by).total_seconds()
    for path in Path(settings.url).rglob("*"):
        if path.is_file():
            if path.suffix == ".json" and path.stem.isdigit():
                _age_removals(path, int(seconds * 1000))
            os.utime(path, (path.stat().st_atime - seconds, path.stat().st_mtime - seconds))


def _age_removals(path: Path, by_ms: int) -> None:
    actions = [json.loads(line) for line in path.read_text().splitlines()]
    for action in actions:
        if "remove" in action:
            action["remove"]["deletionTimestamp"] -= by_ms
    path.write_text("\n".join(map(json.dumps, actions)))
