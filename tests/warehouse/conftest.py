"""Lakes to test with: in a directory, and on an object store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.warehouse.object_store import BUCKET, ObjectStore, object_store
from warehouse.settings import LakeSettings


@pytest.fixture(scope="session")
def store() -> Iterator[ObjectStore]:
    """One object store for the session."""
    with object_store() as running:
        yield running


@pytest.fixture
def local(tmp_path: Path) -> LakeSettings:
    """Settings of a lake in an empty directory."""
    return LakeSettings(url=str(tmp_path / "lake"))


@pytest.fixture(params=["directory", "object store"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> LakeSettings:
    """Settings of a new lake: what holds in a directory holds on an object store too."""
    if request.param == "directory":
        return LakeSettings(url=str(tmp_path / "lake"))
    running: ObjectStore = request.getfixturevalue("store")
    return LakeSettings(url=f"s3://{BUCKET}/{uuid.uuid4()}", storage_options=running.options())


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written a moment ago may be merged."""
    monkeypatch.setattr("warehouse.lake.upkeep.SETTLED", timedelta(0))
