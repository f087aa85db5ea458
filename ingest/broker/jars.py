"""The jars of the local broker: fetched once from Maven Central, held against our lock file before every start.

``jars.lock`` beside this module lists every coordinate with its sha256; nothing is resolved at run time, so nobody else's
version mediation decides what runs. ``jgo`` (pure Python: no Java, no Maven) fetches what is absent into the cache
directory, and a file only enters the cache once its hash is right, so an aborted fetch leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jgo.maven import MavenContext

from ingest.errors import JarRefused

FETCHES_AT_ONCE = 4
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
    """Lines of ``group:artifact:version sha256``; ``#`` starts a comment."""
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    jars = []
    for coordinate, sha256 in rows:
        group, artifact, version = coordinate.split(":")
        jars.append(Jar(group=group, artifact=artifact, version=version, sha256=sha256))
    return tuple(jars)


def ready_jars(jars: Sequence[Jar], cache: Path, progress: Callable[[str], None]) -> list[Path]:
    """Paths of all ``jars`` in ``cache``, fetched where absent, every hash checked. Raises JarRefused."""
    absent = [jar for jar in jars if not (cache / jar.file_name).exists()]
    if absent:
        progress(f"jars: fetching {len(absent)} of {len(jars)} from Maven Central into {cache}")
        _fetch(absent, cache)
    for jar in jars:
        _verify(jar, cache / jar.file_name)
    progress(f"jars: {len(jars)} agree with the lock file")
    return [cache / jar.file_name for jar in jars]


def _fetch(jars: Sequence[Jar], cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as folder:
        maven = MavenContext(repo_cache=Path(folder), timeout=FETCH_TIMEOUT_S)
        with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
            for jar, fetched in zip(jars, pool.map(lambda jar: _fetch_one(maven, jar), jars), strict=True):
                _verify(jar, fetched)
                fetched.replace(cache / jar.file_name)


def _fetch_one(maven: MavenContext, jar: Jar) -> Path:
    artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    for last in (*[False] * (FETCH_TRIES - 1), True):
        try:
            return Path(artifact.resolve())
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo says "not found" by RuntimeError
            Path(artifact.cached_path).unlink(missing_ok=True)
            if last:
                raise JarRefused(f"jar {jar} could not be fetched from Maven Central: {error}") from error
    raise AssertionError("the last try returns or raises")


def _verify(jar: Jar, path: Path) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise JarRefused(f"jar {jar} cannot be read: {error}") from error
    if found != jar.sha256:
        raise JarRefused(
            f"jar {jar} has sha256 {found}, the lock file says {jar.sha256}; "
            f"if you trust the source, delete {path} and start again"
        )
