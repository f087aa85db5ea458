"""Settings of the lake."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    query_memory_mib: int = field(
        default=512, metadata={"help": "Memory that one question may use before it spills to disk, in MiB.", "min": 64}
    )
    query_threads: int = field(default=2, metadata={"help": "Threads that one question may use.", "min": 1})
