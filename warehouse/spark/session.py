"""The Spark session of a process: Java, jars and options, started when it is first asked and kept to the end.

Local mode unless ``spark.master`` is among the options. Several engines share it, each in a session of its own
(``newSession``): they see neither each other's views nor options.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.spark.errors import NoSpark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.legacy.sizeOfNull": "false",
}
"""What the meaning of our SQL rests on, whatever options say: money keeps twelve decimals, or the question fails."""

_DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
_USUAL = {
    "spark.app.name": "spanledger",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.warehouse.dir": f"{tempfile.gettempdir()}/spanledger-spark-{os.getuid()}",  # of no use to us, but made
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.constraintPropagation.enabled": "false",  # of columns made by many cases it takes for ever
}
"""Other options than Spark's own, where none are given."""
_HERE = {
    "spark.master": "local[*]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
"""And on this machine alone: nobody else reaches its ports."""
_JAVA_OPTIONS = "spark.driver.extraJavaOptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Makes sessions: ``java_home`` a full Java 17, ``jars`` those of Delta, ``options`` of Spark, by their names."""

    java_home: Path
    jars: Sequence[Path]
    memory_mib: int
    options: Mapping[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new(self) -> SparkSession:
        """A session of its own. Raises NoSpark."""
        with self._lock, _quiet():
            session = self._first().newSession()
        for name, value in MEANING.items():
            session.conf.set(name, value)
        return session

    def _first(self) -> SparkSession:
        try:
            from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise NoSpark(f"Spark is not installed ({error}); pip install 'spanledger[spark]'") from error
        if (running := SparkSession.getActiveSession()) is not None:
            return running
        builder = SparkSession.builder
        for name, value in self._given().items():
            builder = builder.config(name, value)
        os.environ["JAVA_HOME"] = str(self.java_home)  # where Spark's launcher looks
        try:
            return builder.getOrCreate()
        except Exception as error:  # whatever Java said before it ended
            raise NoSpark(f"Spark does not start with Java of {self.java_home}: {error}") from error

    def _given(self) -> dict[str, str]:
        """All options that Spark starts with."""
        here = _HERE if self.options.get("spark.master", "local").startswith("local") else {}
        given = {"spark.driver.memory": f"{self.memory_mib}m", **_USUAL, **here, **self.options, **_DELTA, **MEANING}
        given["spark.jars"] = ",".join([*map(str, self.jars), *filter(None, [self.options.get("spark.jars")])])
        logged = f"-Dlog4j2.configurationFile={files('warehouse.spark').joinpath('log4j2.properties')}"
        given[_JAVA_OPTIONS] = f"{logged} {self.options.get(_JAVA_OPTIONS, '')}".strip()
        return given


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what pyspark says of pandas, which nothing of ours goes through, and without logs of what it raises."""
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
