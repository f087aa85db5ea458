"""Verbs of the command line in this process: to start Python for each would take longer than most of them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spanledger.__main__ import main

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a verb ended, and what it printed on both streams."""

    code: int
    out: str
    err: str


def say(*words: str, variables: Mapping[str, str], directory: Path = ROOT) -> Said:
    """Run a verb in ``directory``, with more variables in its environment."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.chdir(directory)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(words))
    out.seek(0)
    return Said(code=code, out=out.read(), err=err.getvalue())


def report(*words: str, variables: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of a report."""
    said = say("report", *words, "--format", "json", variables=variables)
    assert said.code == 0, said.err
    rows: list[dict[str, Any]] = json.loads(said.out)
    return rows
