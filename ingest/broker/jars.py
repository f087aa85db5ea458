"""The jars of the local broker: fetched once from Maven Central, held against our lock file before every start.

``jars.lock`` beside this module lists every coordinate with its sha256; nothing is resolved at run time, so nobody
else's version mediation decides what runs. ``jgo`` (pure Python: no Java, no Maven) fetches what is absent into the
cache directory, and a file only enters the cache once its hash is right: an aborted fetch leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import JarRefused

if TYPE_CHECKING:
    from jgo.maven import MavenContext

FETCH_TRIES = 3
FETCH_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One line of the lock file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file in the cache directory, which is flat."""
        return f"{self.artifact}-{self.version}.jar"

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def locked_jars() -> tuple[Jar, ...]:
    """The lock file of this release, in its order."""
    return parse_lock(files("ingest.broker").joinpath("jars.lock").read_text(encoding="utf-8"))


def parse_lock(text: str) -> tuple[Jar, ...]:
    """Lines of ``group:artifact:version sha256``; ``#`` starts a comment. Raises JarRefused (a line has no hash)."""
    return tuple(_parse_line(line) for line in text.splitlines() if line and not line.startswith("#"))


def ready_jars(jars: Sequence[Jar], cache: Path, progress: Callable[[str], None]) -> list[Path]:
    """Paths of all ``jars`` in ``cache``, fetched where absent, every hash checked. Raises JarRefused."""
    absent = [jar for jar in jars if not (cache / jar.file_name).exists()]
    if absent:
        progress(f"jars: fetching {len(absent)} of {len(jars)} from Maven Central into {cache}")
        _fetch(absent, cache)
    paths = [cache / jar.file_name for jar in jars]
    for jar, path in zip(jars, paths, strict=True):
        _verify(jar, path, advice=f"delete {path} to have it fetched anew")
    progress(f"jars: {len(jars)} agree with the lock file")
    return paths


def _parse_line(line: str) -> Jar:
    coordinate, _, sha256 = line.partition(" ")
    if not re.fullmatch("[0-9a-f]{64}", sha256.strip()):
        raise JarRefused(f"jar {coordinate} has no sha256 in the lock file")
    group, artifact, version = coordinate.split(":")
    return Jar(group=group, artifact=artifact, version=version, sha256=sha256.strip())


def _fetch(jars: Sequence[Jar], cache: Path) -> None:
    from jgo.maven import MavenContext  # noqa: PLC0415 - 20 MiB that only the first start needs

    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as folder:
            maven = MavenContext(repo_cache=Path(folder), timeout=FETCH_TIMEOUT_S)
            for jar in jars:
                fetched = _fetch_one(maven, jar)
                _verify(jar, fetched, advice="Maven Central gave it so: do not use it")
                fetched.replace(cache / jar.file_name)
    except OSError as error:
        raise JarRefused(f"jars cannot be kept in {cache}: {error}") from error


def _fetch_one(maven: MavenContext, jar: Jar) -> Path:
    artifact: Any = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    failure: Exception | None = None
    for _ in range(FETCH_TRIES):
        try:
            return Path(artifact.resolve())
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo says "not found" by RuntimeError
            Path(artifact.cached_path).unlink(missing_ok=True)
            failure = error
    raise JarRefused(f"jar {jar} is missing and cannot be fetched from Maven Central: {failure}") from failure


def _verify(jar: Jar, path: Path, *, advice: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise JarRefused(f"jar {jar} cannot be read: {error}") from error
    if found != jar.sha256:
        raise JarRefused(f"jar {jar} has sha256 {found}, the lock file says {jar.sha256}; {advice}")
