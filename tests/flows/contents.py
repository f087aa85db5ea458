"""Everything that a deployment keeps and says, as text: for looking for what must not be there."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow.parquet as pq

from tests.flows.deployment import Deployment


def leaked(words: Iterable[str], deployment: Deployment) -> list[str]:
    """Which of the words stand in a Parquet file or table log of the lake, or in a log of a process, in any case."""
    text = _kept(deployment) + _told(deployment)
    return [word for word in words if word.lower() in text]


def _kept(deployment: Deployment) -> str:
    files = sorted(deployment.lake.rglob("*.parquet"))
    assert files, "the lake is empty"
    rows = [str(pq.ParquetFile(file).read().to_pylist()) for file in files]
    logs = [file.read_text(encoding="utf-8") for file in deployment.lake.rglob("_delta_log/*.json")]
    return "\n".join([*rows, *logs]).lower()


def _told(deployment: Deployment) -> str:
    logs = sorted(deployment.directory.glob("*.log"))
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in logs).lower()
