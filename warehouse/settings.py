"""Settings of the lake."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

STORES = ("s3", "s3a", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss", "hdfs", "viewfs")
"""Schemes of the object stores and file systems that a lake can stand on besides a directory."""

ENGINES = ("duckdb", "spark")


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeSettings:
    """Where the Delta tables stand, how they are kept, and what a question may use."""

    url: str = field(
        default="", metadata={"help": "Directory or object-store URL of the Delta tables.", "default": "<data>/lake"}
    )
    storage_options: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"help": "Options of the object store, as deltalake takes them.", "default": "", "secret": True},
    )
    checkpoint_commits: int = field(
        default=20, metadata={"help": "Write a Delta checkpoint every so many commits of a table.", "min": 1}
    )
    upkeep_seconds: float = field(
        default=60.0,
        metadata={"help": "Pause between two looks for small files to merge, in the worker; 0 = never.", "min": 0},
    )
    retention_days: int = field(
        default=0, metadata={"help": "Days older than this leave the lake for good; 0 = none ever does.", "min": 0}
    )
    vacuum_hours: int = field(
        default=168,
        metadata={
            "help": "Files that no table holds any more are deleted after so many hours; more than any question takes.",
            "min": 1,
        },
    )
    log_hours: int = field(
        default=24,
        metadata={
            "help": "Entries of a new lake's Delta logs are kept so many hours beside their summaries.",
            "min": 1,
        },
    )
    query_memory_mib: int = field(
        default=512,
        metadata={
            "help": "Memory that the questions of a process may use together before they spill to disk, in MiB.",
            "min": 64,
        },
    )
    query_threads: int = field(
        default=2, metadata={"help": "Threads that the questions of a process may use together.", "min": 1}
    )
    engine: str = field(
        default="duckdb",
        metadata={"help": "What `report`, `settle` and `reprice` reckon with; docs/spark.md.", "choices": ENGINES},
    )
    spark_java_home: str | None = field(
        default=None,
        metadata={
            "help": "Home of a full Java of at least 17 for Spark; empty = the `java` on the path.",
            "default": "$JAVA_HOME",
        },
    )
    spark_memory_mib: int = field(
        default=2048, metadata={"help": "Java heap of Spark on this machine, in MiB; it spills to disk.", "min": 512}
    )
    spark_options: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "help": "Options of Spark by their names, `spark.master` too; without one it runs on this machine.",
            "default": "",
            "secret": True,
        },
    )

    def __post_init__(self) -> None:
        """Raises ValueError for a URL of no store that the lake can stand on."""
        try:
            scheme, netloc, *_ = urlsplit(self.url)
            Path(self.url).expanduser()
            self.url.encode()
        except (ValueError, RuntimeError) as error:  # RuntimeError: `~name` of nobody
            raise ValueError(f"url = {self.url!r}: must be a directory or a URL: {error}") from error
        if scheme not in ("", "file", *STORES) or "\0" in self.url:
            stores = ", ".join(f"{name}://" for name in STORES)
            raise ValueError(f"url = {self.url!r}: must be a directory or begin with file://, {stores}")
        if scheme in STORES and not netloc:
            raise ValueError(f"url = {self.url!r}: must name a bucket, like {scheme}://bucket/lake")


TASK_WORDS = ("task", "session", "trace")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleSettings:
    """When hours are closed, what a task is, and what closing may use."""

    every_seconds: float = field(
        default=300.0,
        metadata={"help": "Pause between two settlements in the worker; 0 = only `spanledger settle`.", "min": 0},
    )
    lateness_minutes: float = field(
        default=15.0, metadata={"help": "An hour is closed so long after its last span could have ended.", "min": 0}
    )
    lookback_days: int = field(
        default=7,
        metadata={
            "help": "Spans that come later than this are booked without those that may belong to them.",
            "min": 1,
        },
    )
    outcome_days: int = field(
        default=92,
        metadata={"help": "Outcomes find their tasks among spans of so many days before `lookback_days`.", "min": 7},
    )
    task_of: tuple[str, ...] = field(
        default=TASK_WORDS,
        metadata={"help": "What makes spans one task, the first that they have: `task` id, `session` id, `trace` id."},
    )
    memory_mib: int = field(
        default=3072,
        metadata={"help": "Memory that a settlement may use before it spills to disk, in MiB.", "min": 256},
    )
    chunk_spans: int = field(
        default=500_000, metadata={"help": "Spans that a settlement looks at in one step, about.", "min": 1000}
    )

    review_usd_per_hour: float = field(
        default=0.0,
        metadata={"help": "What an hour of review by people costs, part of the cost of tasks, in USD.", "min": 0},
    )
    dimensions: str = field(
        default="", metadata={"help": "TOML file of hierarchies above dimensions and of rules for shared costs."}
    )
    budgets: str = field(
        default="", metadata={"help": "TOML file of budgets, and of launches that forecasts reckon with."}
    )

    slos: str = field(
        default="", metadata={"help": "TOML file of service-level objectives: targets of availability and speed."}
    )

    gpus: str = field(
        default="", metadata={"help": "TOML file of what GPUs cost, which servers run on them and what tokens weigh."}
    )

    pdf_fonts: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "TrueType or OpenType files to print statements with as PDF: of each letter the first that has it; "
            "empty = Helvetica, which has Latin-1."
        },
    )

    def __post_init__(self) -> None:
        """Raises ValueError for words that make no task."""
        words = self.task_of
        if not words or set(words) - set(TASK_WORDS) or len(set(words)) != len(words) or "trace" not in words[-1:]:
            raise ValueError(
                f"task_of = {', '.join(words)}: must be some of {', '.join(TASK_WORDS)}, each once, and end with trace"
            )
