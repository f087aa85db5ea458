"""Why a question failed: which file of the lake is damaged, if one is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb
import pyarrow as pa
from pyarrow import fs

from warehouse.errors import LakeDamaged, LakeUnavailable
from warehouse.instance import share
from warehouse.lake.place import one_line
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import Window, source
from warehouse.settings import LakeSettings
from warehouse.spark.errors import SparkFailed

FAILURES = (duckdb.Error, pa.ArrowException, OSError, SparkFailed)
"""What reading files through an engine raises."""

_TROUBLES = (duckdb.Error, pa.ArrowException, ValueError)


def failure(
    doing: str, error: Exception, snapshot: Snapshot, windows: Mapping[str, Window], settings: LakeSettings
) -> LakeUnavailable:
    """What to raise for one of FAILURES: LakeDamaged with the file, else LakeUnavailable with the words of ``error``.

    Every file that the question needed is read once more, one by one, until one fails: this happens after a failure
    only.
    """
    if isinstance(error, duckdb.OutOfMemoryException):
        memory = f"lake.query_memory_mib = {settings.query_memory_mib}"
        return LakeUnavailable(f"{doing}: it needs more than {memory}; raise that, or ask for less")
    try:
        found = next(_damaged(snapshot, windows, settings), None)
    except OSError:
        found = None  # the store itself is away
    if found is None:
        return LakeUnavailable(f"{doing}: {one_line(error)}")
    path, reason = found
    return LakeDamaged(
        f"{path} is damaged ({reason}); put it back from a copy of the lake, or set SPANLEDGER_LAKE to a new one: "
        "`spanledger worker` fills it with what Kafka still holds"
    )


def _damaged(snapshot: Snapshot, windows: Mapping[str, Window], settings: LakeSettings) -> Iterator[tuple[str, str]]:
    """Address and trouble of each file that is there and cannot be read to its end. Raises OSError."""
    for table, window in windows.items():
        files, store = snapshot.within(table, *window), snapshot.place.filesystem(table)
        for index, path in enumerate(files["path"].to_pylist()):
            if store.get_file_info(path).type != fs.FileType.File:
                continue
            with share(settings) as connection:
                try:
                    relation = source(connection, snapshot, table, files.slice(index, 1))
                    everything = f"FROM {relation} AS columns_ SELECT bit_xor(hash(columns_))"
                    connection.execute(everything).fetchall()
                except duckdb.OutOfMemoryException:
                    continue
                except _TROUBLES as error:
                    yield f"{snapshot.place.table_url(table)}/{path}", one_line(error)
