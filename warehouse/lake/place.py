"""Where a lake stands: a local directory, or a URL of an object store that deltalake and pyarrow speak."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.fs import DeltaStorageHandler
from pyarrow import fs

from warehouse.errors import LakeUnavailable
from warehouse.settings import LakeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Root of a lake; ``directory`` is None on an object store. One sub-directory a table."""

    url: str
    options: Mapping[str, str]
    directory: Path | None

    @classmethod
    def of(cls, settings: LakeSettings) -> Place:
        """Parse ``lake.url``: a path and a ``file:`` URL are directories, any other URL is an object store."""
        parts = urlsplit(settings.url)
        options = dict(settings.storage_options)
        if parts.scheme not in ("", "file"):
            return cls(url=settings.url.rstrip("/"), options=options, directory=None)
        path = unquote(parts.path) if parts.scheme else settings.url
        directory = Path(path).expanduser().absolute()
        return cls(url=str(directory), options=options, directory=directory)

    def table_url(self, table: str) -> str:
        """What deltalake opens."""
        return f"{self.url}/{table}"

    def has(self, table: str) -> bool:
        """Whether the table has been made."""
        return DeltaTable.is_deltatable(self.table_url(table), dict(self.options))

    def filesystem(self, table: str) -> fs.FileSystem:
        """Files of one table by their path in the table."""
        if self.directory is not None:
            return fs.SubTreeFileSystem(self.table_url(table), fs.LocalFileSystem())
        return fs.PyFileSystem(DeltaStorageHandler(self.table_url(table), dict(self.options)))


@contextmanager
def unavailable(doing: str, where: str) -> Iterator[None]:
    """Turn what the stores raise (disk full, read-only, gone, unreachable) into LakeUnavailable with one line.

    CommitFailedError passes: it says that somebody else was first, which is an answer and no failure.
    """
    try:
        yield
    except CommitFailedError:
        raise
    except (DeltaError, OSError) as error:
        raise LakeUnavailable(f"cannot {doing} {where}: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """The text of an error of the stores without its line breaks, drawings, colours, stack and query."""
    said = re.split(r"\n\s*(?:Stack backtrace|0: <unknown>|LINE \d+:)", str(error))[0]
    words = said.replace("\x1b[31m↳\x1b[0m", ":").split()
    return " ".join(words) or type(error).__name__
