"""New lakes at a quarter of their price: a copy of an empty one, which is made once in each process."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from tests.warehouse.object_store import BUCKET, copy_folder
from warehouse.lake import Lake
from warehouse.lake.place import Place
from warehouse.settings import LakeSettings

IN_A_DIRECTORY = pytest.mark.parametrize(
    "anywhere", ["directory", pytest.param("object store", marks=pytest.mark.long)], indirect=True
)
"""Of tests that take ``anywhere``: where others hold the same of an object store, the long tests do so too."""


def open_lake(settings: LakeSettings) -> Lake:
    """As ``Lake.open``; new lakes of a process have the same id. An object store is the one of these tests."""
    place = Place.of(settings)
    if place.directory is None:
        if not place.has("usage"):
            endpoint = settings.storage_options["AWS_ENDPOINT_URL"]
            copy_folder(endpoint, _empty_at(endpoint, settings), settings.url.removeprefix(f"s3://{BUCKET}/"))
    elif not place.directory.exists():
        shutil.copytree(_empty(), place.directory)
    return Lake.open(settings)


_FOLDERS: dict[str, str] = {}


def _empty_at(endpoint: str, settings: LakeSettings) -> str:
    if endpoint not in _FOLDERS:
        _FOLDERS[endpoint] = f"empty-{uuid.uuid4()}"
        Lake.open(replace(settings, url=f"s3://{BUCKET}/{_FOLDERS[endpoint]}"))
    return _FOLDERS[endpoint]


@functools.cache
def _empty() -> Path:
    root = Path(tempfile.mkdtemp(prefix="empty-lake-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    Lake.open(LakeSettings(url=str(root / "lake")))
    return root / "lake"
