"""Settings of the lake."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

STORES = ("s3", "s3a", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss", "hdfs", "viewfs")
"""Schemes of the object stores and file systems that a lake can stand on besides a directory."""


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
        default=512, metadata={"help": "Memory that one question may use before it spills to disk, in MiB.", "min": 64}
    )
    query_threads: int = field(default=2, metadata={"help": "Threads that one question may use.", "min": 1})

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
