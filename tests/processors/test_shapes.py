"""What a shape means is found out once, and it means the same whenever it comes again."""

from __future__ import annotations

import polars as pl
import pytest

from processors.conventions.table import load_table
from processors.decode import decode, prepare
from processors.normalise import calls, shapes
from processors.normalise.assemble import _judge
from processors.normalise.calls import OF_SHAPES, describe_calls
from tests.processors.captures import load
from tests.processors.otlp import message

prepare()  # small ranges would be read through objects


@pytest.mark.parametrize("kept", [1, 50, shapes.MOST_KEPT])
def test_a_range_is_described_alike_whatever_was_described_before_it(kept: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shapes, "MOST_KEPT", kept)
    calls._memo.cache_clear()
    captured = [[message(one.value) for one in load(kind)] for kind in ("pb", "json")]

    for messages in (*captured, *(captured[0][at : at + 12] for at in range(0, 60, 12))):
        decoded = decode(messages, load_table())
        after_others = describe_calls(decoded)
        with monkeypatch.context() as unknown:
            unknown.setattr(calls, "_memo", lambda _: shapes.Memo(calls._describe_shapes))
            assert describe_calls(decoded).equals(after_others)


def test_what_is_said_of_a_shape_is_the_same_in_all_its_rows():
    decoded = decode([message(one.value) for kind in ("pb", "json") for one in load(kind)], load_table())

    judged = _judge(decoded)

    each = judged.group_by(shapes.SHAPE).agg(pl.col(sorted(OF_SHAPES)).n_unique())
    assert len(each) < len(judged)
    assert (each.drop(shapes.SHAPE) == 1).to_numpy().all()
