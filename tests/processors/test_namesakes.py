"""Who is called after whom: one name against one user, and against a crowd."""

from __future__ import annotations

import re

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.normalise import namesakes
from processors.normalise.namesakes import CROWD, hide_namesakes, holds_one_of, is_called_after
from warehouse.once import LEDGER

TEXT = st.text(alphabet="abJ.-_:7 ß漢é+", max_size=10)


@given(before=TEXT, after=TEXT, users=st.sets(TEXT.filter(bool), min_size=1, max_size=3), is_held=st.booleans())
def test_a_crowd_is_looked_through_as_one_by_one(before: str, after: str, users: set[str], is_held: bool):
    name = before + (min(users).upper() if is_held else "") + after
    known = {user.lower() for user in users}

    held = holds_one_of(name, known, sorted({len(user) for user in known}))

    assert held == any(is_called_after(name, user) for user in known)


@given(pairs=st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT.filter(bool)), min_size=1, max_size=8), is_held=st.booleans())
def test_names_are_held_against_users_as_a_pattern_of_words_does(pairs: list[tuple[str, str, str, str]], is_held: bool):
    names = [
        before + (user.upper() if is_held else "") + between + user + after for before, between, after, user in pairs
    ]
    users = [user for *_, user in pairs]

    called = namesakes.are_called_after(pl.Series(names), pl.Series(users)).to_list()

    assert (
        called == [is_called_after(*pair) for pair in zip(names, users, strict=True)] == list(map(_told, names, users))
    )


def _told(name: str, user: str) -> bool:
    name, user = name.lower(), user.lower()
    return name == user or (len(user) >= 4 and bool(re.search(rf"(?<![^\W_]){re.escape(user)}(?![^\W_])", name)))


def test_nobody_is_called_after_nobody():
    names, users = pl.Series(["ann-7", None, None], dtype=pl.String), pl.Series([None, "ann-7", None], dtype=pl.String)

    assert namesakes.are_called_after(names, users).to_list() == [False, False, False]


@given(
    names=st.sets(TEXT.filter(bool), min_size=1, max_size=6),
    users=st.sets(TEXT.filter(bool), min_size=1, max_size=4),
    glue=st.sampled_from(["", "-", "x"]),
)
def test_the_names_of_a_crowd_are_looked_through_as_one_by_one(names: set[str], users: set[str], glue: str):
    told = sorted(names | {name + glue + user for name, user in zip(names, users, strict=False)})
    traces = pl.Series("trace", [at % 2 for at in range(len(told))])
    of = pl.DataFrame([(trace, user) for trace in (0, 1) for user in sorted(users)], ["trace", "user"], orient="row")

    called = namesakes._called_in_crowds(pl.DataFrame([traces, pl.Series("name", told)]), of)

    assert sorted(called["name"]) == [name for name in told if any(is_called_after(name, user) for user in users)]


def _night(users: int) -> pa.Table:
    """One trace in which each span names another user and a session; two sessions are called after users."""
    sessions = [f"s-{at:032x}" for at in range(users)]
    sessions[0], sessions[1] = "mail:USER-0001", f"user-{users - 1:04}"
    named = pa.array([f"user-{at:04}" for at in range(users)])
    return pa.table(
        {
            LEDGER: pa.array([0] * users),
            "trace_id": pa.array([bytes(16)] * users, pa.binary()),
            "_user": named,
            "_other_user": named,
            "session_id": pa.array(sessions),
            "task_id": pa.nulls(users, pa.string()),
        }
    )


@pytest.mark.parametrize("users", [CROWD, CROWD + 1, 3000])
def test_a_trace_of_many_users_costs_what_its_spans_do(users: int, monkeypatch: pytest.MonkeyPatch):
    looked_at: list[int] = []
    look = namesakes.are_called_after

    def count(names: pl.Series, of: pl.Series) -> pl.Series:
        looked_at.append(len(names))
        return look(names, of)

    monkeypatch.setattr(namesakes, "are_called_after", count)
    night = _night(users)

    hidden = hide_namesakes(night, night, b"key")["session_id"].to_pylist()

    assert [at for at, name in enumerate(hidden) if name.startswith("hidden-")] == [0, 1]
    assert sum(looked_at) <= users * CROWD
