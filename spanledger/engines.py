"""The engine that the settings name: DuckDB in this process, or Apache Spark with its Java and its jars."""

from __future__ import annotations

import argparse
import functools
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.settings import ENGINES

if TYPE_CHECKING:
    from spanledger.settings import Settings
    from warehouse.engine import Opener

OLDEST_JAVA = 17  # Spark 4.2: "runs on Java 17/21/25"
NEEDED_MODULE = "jdk.incubator.vector"
INSTALL = "install a full Java of at least 17 (Debian: openjdk-17-jre-headless) and name it by lake.spark_java_home"
LIST_TIMEOUT_S = 30


def add_engine_flag(parser: argparse.ArgumentParser) -> None:
    """``--engine``, of verbs that reckon much."""
    parser.add_argument("--engine", dest="lake.engine", choices=ENGINES, help="what reckons; default: lake.engine")


def opener_of(settings: Settings) -> Opener:
    """What opens the engine of the settings. Raises NoSpark, JarRefused, CannotStart before anything is read."""
    from warehouse.engine import DuckDB

    if settings.lake.engine == "duckdb":
        return DuckDB
    from ingest.broker.jars import parse_lock, ready_jars
    from warehouse.spark.errors import NoSpark

    java_home = find_full_java(settings.lake.spark_java_home)
    try:
        from warehouse.spark.engine import Spark
        from warehouse.spark.session import Sessions
    except ImportError as error:
        raise NoSpark(f"Spark is not installed ({error}); pip install 'spanledger[spark]'") from error
    lock = files("warehouse.spark").joinpath("jars.lock").read_text(encoding="utf-8")
    jars = ready_jars(parse_lock(lock), Path(settings.broker.jars or settings.data / "jars"), _say)
    lake = settings.lake
    sessions = Sessions(java_home=java_home, jars=jars, memory_mib=lake.spark_memory_mib, options=lake.spark_options)
    return functools.partial(Spark, sessions)


def find_full_java(home: str | None) -> Path:
    """The home of a Java that Spark runs on; without one the `java` on the path. Raises NoSpark, CannotStart."""
    from ingest.broker.java import java_major
    from warehouse.spark.errors import NoSpark

    found = shutil.which("java") if home is None else str(Path(home).expanduser() / "bin" / "java")
    if found is None:
        raise NoSpark(f"Spark needs a Java, and there is none here; {INSTALL}")
    java = Path(found).resolve()
    if (major := java_major(java)) < OLDEST_JAVA:
        raise NoSpark(f"Spark needs a Java of at least {OLDEST_JAVA}, and {java} is {major}; {INSTALL}")
    listed = subprocess.run(
        [str(java), "--list-modules"], capture_output=True, text=True, timeout=LIST_TIMEOUT_S, check=False
    )
    if NEEDED_MODULE not in listed.stdout:
        raise NoSpark(f"{java} lacks the module {NEEDED_MODULE}, which Spark needs; {INSTALL}")
    return java.parent.parent


def _say(line: str) -> None:
    """What is fetched, to a person who waits."""
    if "fetching" in line:
        print(line, file=sys.stderr)
