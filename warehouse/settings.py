"""Settings of the lake."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeSettings:
    """Where the Delta tables stand and how they are kept."""

    url: str = field(
        default="", metadata={"help": "Directory or object-store URL of the Delta tables.", "default": "<data>/lake"}
    )
    storage_options: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"help": "Options of the object store, as deltalake takes them.", "default": "", "secret": True},
    )
    checkpoint_commits: int = field(
        default=100, metadata={"help": "Write a Delta checkpoint every so many commits of a table.", "min": 1}
    )
