"""What rows say by few words: asked once of each combination of them that there is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa

from processors.codes import Groups, encode, number
from processors.normalise.frame import pick

MOST_KEPT = 10_000
"""Answers from range to range; beyond them all are forgotten."""

Step: TypeAlias = Callable[[pl.DataFrame], pl.DataFrame]
"""What it makes of each row depends on nothing but the columns that it reads."""


def ask_each(frame: pl.DataFrame, reads: Sequence[str], step: Step) -> pl.DataFrame:
    """What ``step`` makes of each row."""
    groups = _groups(frame, reads)
    return step(pick(frame, reads)[groups.first])[groups.of_row]


class Answers:
    """Likewise; answers are kept: a step of many patterns compiles them all, however few the rows are.

    What was asked may be content, of any length: only its hash is kept.
    """

    def __init__(self, reads: Sequence[str], step: Step) -> None:
        self._reads, self._step = reads, step
        self._schema: pl.Schema | None = None
        self._kept: dict[bytes, tuple[Any, ...]] = {}

    def ask(self, frame: pl.DataFrame) -> pl.DataFrame:
        """What the step makes of each row; needs a row."""
        groups = _groups(frame, self._reads)
        asked = pick(frame, self._reads)[groups.first]
        rows = [hashlib.blake2b(repr(row).encode(), digest_size=16).digest() for row in asked.rows()]
        answers = [self._kept.get(row) for row in rows]
        new = [at for at, answer in enumerate(answers) if answer is None]
        if new or self._schema is None:
            made = self._step(asked[new])
            self._schema = made.schema
            if len(self._kept) + len(new) > MOST_KEPT:
                self._kept.clear()
            for at, answer in zip(new, made.iter_rows(), strict=True):
                answers[at] = self._kept[rows[at]] = answer
        return pl.DataFrame(answers, schema=self._schema, orient="row")[groups.of_row]


def _groups(frame: pl.DataFrame, reads: Sequence[str]) -> Groups:
    return number([encode(_bits(frame[name])) for name in reads], len(frame))


def _bits(column: pl.Series) -> pa.ChunkedArray:
    """The column; of real numbers their bits, which tell 0.0 from -0.0."""
    told = column.to_arrow()
    return pa.chunked_array([told.view(pa.int64()) if column.dtype == pl.Float64 else told])
