"""How the kernel's functions are compiled: once, without the GIL, and kept on disk.

Compiled code is kept in a directory that is named by the sources of this package and by numba's version: a change of
one function never meets the compiled code of another, and wherever the same sources lie, they are compiled once.
``SPANLEDGER_CHECKED=1`` compiles a build that checks every index against its array: the tests run it to show that the
kernel never reads outside a payload.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config
from numba.core.caching import UserProvidedCacheLocator

Function = TypeVar("Function", bound=Callable[..., Any])

CHECKED = os.environ.get("SPANLEDGER_CHECKED") == "1"


def _source_hash() -> str:
    digest = hashlib.sha256(f"{numba.__version__} {CHECKED}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _cache_directory() -> Path:
    """Beside the user's other caches; a temporary one where that cannot be written."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for parent in (base, Path(tempfile.gettempdir()) / f"spanledger-{os.getuid()}"):
        directory = parent / "spanledger" / "kernel" / _source_hash()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    return Path(tempfile.mkdtemp(prefix="spanledger-kernel-"))


CACHE = _cache_directory()
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "boundscheck": CHECKED,
    "error_model": "numpy",
    "_nrt": False,  # nothing is allocated, so references need no counting: four times as fast
}


class BySources(UserProvidedCacheLocator):
    """Where numba keeps compiled code: in ``CACHE`` itself, not in a part of it for each place of the sources."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """No part: names of functions and their modules keep files of one package apart."""
        del py_file
        return ""


def compiled(function: Function) -> Function:
    """The function as machine code; it compiles at its first call, or comes from the disk."""
    return _compile(function, inline=False)


def inlined(function: Function) -> Function:
    """Likewise, as a part of whatever calls it: for what is called per byte or per attribute."""
    return _compile(function, inline=True)


def _compile(function: Function, *, inline: bool) -> Function:
    before = config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES
    config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = str(CACHE), f"{__name__}.{BySources.__name__}"
    try:
        made: Function = numba.njit(**_OPTIONS, forceinline=inline)(function)
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = before
    return made


def is_ready() -> bool:
    """Whether compiled code is on the disk already; else the first call compiles for about a minute."""
    return any(CACHE.rglob("*.nbi"))
