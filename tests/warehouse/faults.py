"""Faults of a file system, made for real and without privileges that a CI lacks; root is no exception."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def full_disk(size_bytes: int = 200) -> Iterator[None]:
    """No file grows beyond ``size_bytes``: writes fail half-way, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Nothing below ``directory`` can be created or changed; root becomes nobody for the while."""
    folders = [directory, *(path for path in directory.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for folder in folders:
            folder.chmod(0o755)


@contextmanager
def away(directory: Path) -> Iterator[None]:
    """The directory is gone, as when its disk is unmounted, and comes back."""
    elsewhere = directory.rename(directory.with_name("elsewhere"))
    try:
        yield
    finally:
        elsewhere.rename(directory)
