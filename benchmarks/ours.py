"""Our engine as the benchmark runs it: a flush of messages to the Parquet files of all its tables, no broker, no log.

The files are those that a worker writes (``warehouse.lake.parquet``); what is left out is the Delta commit around them.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from processors import engine as engine_module
from processors.decode import decode
from processors.engine import Engine, process_range
from processors.messages import Message
from processors.prepare import prepare
from processors.settings import WorkerSettings
from warehouse import once
from warehouse.lake import Flush, Range, parquet
from warehouse.lake.compaction import Merge, Stored, rewrite

STAGES: tuple[tuple[str, Any, str], ...] = (
    ("decode", engine_module, "decode"),
    ("normalise", engine_module, "normalise"),
    ("once", once, "apply"),
    ("price", engine_module, "price_spans"),
    ("roll-ups", engine_module, "roll_up_usage"),
    ("roll-ups", engine_module, "roll_up_safety"),
)
"""Stage, where its function is looked up, and the function's name; what is none of them is ``rest``."""

_RANGE = Range(app_id="benchmark/topic/0", first=0, next=1)


def make_engine() -> Engine:
    """A worker's engine with its default settings; compiled code is loaded, as at a worker's start."""
    engine = Engine.of(WorkerSettings(), user_key=b"a key of the benchmark, 32 bytes")
    prepare(engine)
    return engine


def to_parquet(flush: Sequence[Message], engine: Engine, folder: Path) -> dict[str, pa.Table]:
    """One flush as Parquet files below ``folder``, one directory a table; the tables as they were made."""
    made = process_range(flush, engine)
    write(made.tables, folder)
    return dict(made.tables)


def write(tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Tables as the lake's writer lays them out; one without rows has no file."""
    written_at = datetime.now(UTC)
    for name, table in tables.items():
        directory = folder / name
        directory.mkdir(parents=True, exist_ok=True)
        files = fs.SubTreeFileSystem(str(directory), fs.LocalFileSystem())
        rows = Flush(ranges=(_RANGE,), tables={name: {_RANGE.app_id: table}}).rows(name, (_RANGE,))
        parquet.write_days(name, parquet.conform(name, rows), files, written_at)


def only_decode(flush: Sequence[Message], engine: Engine) -> None:
    """Bytes to typed columns."""
    decode(flush, engine.table)


@dataclass(slots=True)
class Stages:
    """CPU seconds by stage, of the whole process while the stage's function ran."""

    cpu_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted."""

        def run(*args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.cpu_s[stage] += time.process_time() - began

        return run

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Count the engine's stages meanwhile."""
        kept = [(place, name, getattr(place, name)) for _, place, name in STAGES]
        try:
            for stage, place, name in STAGES:
                setattr(place, name, self.timed(stage, getattr(place, name)))
            yield
        finally:
            for place, name, function in kept:
                setattr(place, name, function)


def split(flushes: Sequence[Sequence[Message]], engine: Engine, folder: Path) -> dict[str, float]:
    """CPU seconds by stage of one pass over all flushes, Parquet and the rest included."""
    stages = Stages()
    began = time.process_time()
    with stages.watching():
        for flush in flushes:
            made = process_range(flush, engine)
            stages.timed("Parquet", write)(made.tables, folder)
    total = time.process_time() - began
    return {**stages.cpu_s, "rest": total - sum(stages.cpu_s.values())}


def compact(folder: Path) -> dict[str, int]:
    """Every table's files as one a day, as upkeep merges them; bytes by table, and the columns of ``spans`` beside.

    Keys: the table's name, or ``spans.<column>`` for a column's part of it.
    """
    sizes: dict[str, int] = {}
    for directory in sorted(folder.iterdir()):
        written = [_merge(directory, day) for day in sorted(directory.iterdir())]
        if not written:
            continue
        name = directory.name
        sizes[name] = sum(file.stat().st_size for file in written)
        if name == "spans":
            for column, size in _column_sizes(written).items():
                sizes[f"spans.{column}"] = size
    return sizes


def rows_in(directory: Path) -> list[int]:
    """Rows of every Parquet file below a directory."""
    return [pq.read_metadata(file).num_rows for file in directory.rglob("*.parquet")]


def _merge(directory: Path, day: Path) -> Path:
    """One file in place of those of a day, with the rows of all of them."""
    now = datetime.now(UTC)
    of_day = date.fromisoformat(day.name.partition("=")[2])
    stored = [
        Stored(
            path=str(file.relative_to(directory)), day=of_day, rows=pq.read_metadata(file).num_rows,
            size=file.stat().st_size, modified_at=now, earliest=None,
        )
        for file in sorted(day.glob("*.parquet"))
    ]  # fmt: skip
    files = fs.SubTreeFileSystem(str(directory), fs.LocalFileSystem())
    merged = rewrite(directory.name, Merge(day=of_day, files=tuple(stored)), files, now).path
    for file in stored:
        files.delete_file(file.path)
    return directory / merged


def _column_sizes(files: Sequence[Path]) -> dict[str, int]:
    sizes: dict[str, int] = defaultdict(int)
    for file in files:
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group)
            for at in range(rows.num_columns):
                sizes[rows.column(at).path_in_schema.partition(".")[0]] += rows.column(at).total_compressed_size
        sizes["(footer)"] += file.stat().st_size - sum(
            metadata.row_group(group).column(at).total_compressed_size
            for group in range(metadata.num_row_groups)
            for at in range(metadata.num_columns)
        )
    return dict(sizes)
