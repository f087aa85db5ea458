"""Brokers of tests live for seconds, and what a JVM does then is mostly to load classes: they are loaded once for all.

The first broker writes down which classes it loads, a second JVM makes an archive of them (class data sharing), and all
that start later map it: 2.2 instead of 4 CPU seconds from nothing to a broker that serves. The archive lies beside the
jars. A JVM that finds none, or one of other jars or of another Java, goes without; it says so in its log, which is off.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from ingest.broker.jars import locked_jars
from ingest.broker.java import find_java

VARIABLE = "JDK_JAVA_OPTIONS"
QUICK = "-XX:TieredStopAtLevel=1"
"""Code compiled well would cost more than it gains."""


def archive_in(cache: Path) -> Path:
    """Where the archive of this Java and these jars lies."""
    java = find_java(None)
    what = f"{java} {java.stat().st_mtime_ns} {cache} {[(str(jar), jar.sha256) for jar in locked_jars()]}"
    return cache / f"tests-{hashlib.sha256(what.encode()).hexdigest()[:16]}.jsa"


def options(archive: Path, *, classes: Path | None = None) -> str:
    """What JVMs of tests are started with; ``classes``: the file in which one writes down what it loads."""
    listed = f' "-XX:DumpLoadedClassList={classes}"' if classes else ""
    return f'{QUICK} -Xlog:disable "-XX:SharedArchiveFile={archive}"{listed}'


def start_archiving(archive: Path, classes: Path, cache: Path) -> subprocess.Popen[bytes]:
    """Make the archive beside what goes on; it stands in its place at once or not at all."""
    unfinished = archive.with_suffix(f".{os.getpid()}")
    command = [find_java(None), "-Xshare:dump", "-XX:+UseSerialGC", f"-XX:SharedClassListFile={classes}"]
    command += [f"-XX:SharedArchiveFile={unfinished}", "-cp", os.pathsep.join(_classpath(cache))]
    script = 'archive=$1 made=$2; shift 2; "$@" && mv "$made" "$archive" || rm -f "$made"'
    return subprocess.Popen(
        ["nice", "sh", "-c", script, "sh", archive, unfinished, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != VARIABLE},
    )


def _classpath(cache: Path) -> list[str]:
    return [str(cache / jar.file_name) for jar in locked_jars()]
