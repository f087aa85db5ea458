"""Sessions and tasks that are called after a user: they would tell the id that the user's keyed hash hides.

One is called after a user whose id it is, or holds as a word of its own (``sess:jane-7``), in any case; an id of fewer
than ``HELD_CHARACTERS`` is in too many names by chance to be looked for within them. Looked at are all users whom the
spans of a trace name, within one range: a range gives the same rows whoever replays it, so what another one tells of
the trace is not known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from processors.users import hide
from warehouse.once import LEDGER

PERSONAL = ("session_id", "task_id")
USERS = ("_user", "_other_user")
"""The user, and who else a span names: of all its user keys the best and the worst; one between them is not known."""
HELD_CHARACTERS = 4
"""Fewest characters of a user's id that is looked for within a name."""
CROWD = 32
"""Users of a trace from which on names are not held against each of them: a trace of a night's job names thousands."""


def is_called_after(name: str, user: str) -> bool:
    """Whether the name tells the user's id."""
    name, user = name.lower(), user.lower()
    may_hold = len(user) >= HELD_CHARACTERS
    return name == user or (may_hold and any(_is_word_at(name, at, user) for at in range(len(name))))


def _is_word_at(name: str, at: int, user: str) -> bool:
    """Whether the user's id stands there, as a word of its own."""
    end = at + len(user)
    return name.startswith(user, at) and not (name[max(at - 1, 0) : at].isalnum() or name[end : end + 1].isalnum())


def are_called_after(names: pl.Series, users: pl.Series) -> pl.Series:
    """``is_called_after``, row by row; nobody is called after nobody."""
    name, user = names.str.to_lowercase(), users.str.to_lowercase()
    held = pl.DataFrame({"name": name, "user": user}).with_columns(at=_NAME.str.find(_USER, literal=True))
    if held["at"].null_count() == len(held):
        return _nobody(len(names))
    held = held.with_row_index("row").filter(pl.col("at").is_not_null()).select("row", "name", "user", told=_TOLD)
    unsure = held["told"].is_null()
    looked_at = [is_called_after(*pair) for pair in held.filter(unsure).select("name", "user").iter_rows()]
    told = held["told"].scatter(unsure.arg_true(), looked_at) if looked_at else held["told"]
    return _nobody(len(names)).scatter(held["row"].filter(told), True)


_NAME, _USER = pl.col("name"), pl.col("user")
_AT = pl.col("at").cast(pl.Int64)
_BEFORE = pl.when(_AT > 0).then(_NAME.str.slice(_AT - 1, 1)).otherwise(pl.lit(""))
_AFTER = _NAME.str.slice(_AT + _USER.str.len_bytes(), 1)
_TOLD = (
    pl.when(_NAME == _USER).then(pl.lit(value=True))
    .when(_USER.str.len_chars() < HELD_CHARACTERS).then(pl.lit(value=False))
    .when(_NAME.str.len_bytes() > _NAME.str.len_chars()).then(None)
    .when(~_BEFORE.str.contains("[a-z0-9]") & ~_AFTER.str.contains("[a-z0-9]")).then(pl.lit(value=True))
    .otherwise(None)
)  # fmt: skip
"""Whether it is told where it stands first; null where that says nothing: places are bytes, and it may stand again."""


def hide_namesakes(rows: pa.Table, spans: pa.Table, key: bytes) -> pa.Table:
    """The rows without ``PERSONAL`` names that tell a user of their trace; both have ``LEDGER`` and ``trace_id``.

    ``spans``: has the columns of ``USERS``; it may be the rows themselves.
    """
    told = [name for name in USERS if spans[name].null_count < spans.num_rows]
    if not told or not rows.num_rows:
        return rows
    traces = _traces(rows)
    alone = _alone(traces, rows, spans)
    users = _users(spans.filter(alone.not_().to_arrow()) if alone.any() else spans)
    for name in PERSONAL:
        if rows[name].null_count == rows.num_rows:
            continue
        names = pl.Series("name", rows[name])
        is_called = _called_with_others(traces, names, users) | _called_alone(names, spans, alone)
        if is_called.any():
            at, field = rows.schema.get_field_index(name), rows.schema.field(name)
            rows = rows.set_column(at, field, hide(names, is_called, key).to_arrow().cast(field.type))
    return rows


def _alone(traces: pl.Series, rows: pa.Table, spans: pa.Table) -> pl.Series:
    """Which rows are the only span of their trace: nobody but they can name its user."""
    if rows is spans:
        return traces.is_unique()
    return _nobody(len(traces))


def _called_alone(names: pl.Series, spans: pa.Table, alone: pl.Series) -> pl.Series:
    """Which of the rows that are ``alone`` are called after a user whom they name themselves."""
    nobody = _nobody(len(names))
    if not alone.any():
        return nobody
    user, other = (pl.Series("user", spans[name]).filter(alone) for name in USERS)
    own = names.filter(alone)
    called = are_called_after(own, user)
    if (another := user.ne_missing(other)).any():
        at = another.arg_true()
        called = called.scatter(at, called.gather(at) | are_called_after(own.gather(at), other.gather(at)))
    return nobody.scatter(alone.arg_true(), called)


def _called_with_others(traces: pl.Series, names: pl.Series, users: pl.DataFrame) -> pl.Series:
    """Which rows are called after one of the ``users`` of their trace."""
    is_called = _nobody(len(names))
    if not len(users):
        return is_called
    told = pl.DataFrame([traces, names]).with_row_index("row")
    distinct = _distinct(traces, names)
    crowds = users.group_by("trace").len().filter(pl.col("len") > CROWD)
    few = distinct.join(crowds, on="trace", how="anti") if len(crowds) else distinct
    pairs = few.join(users, on="trace")
    called = pairs.filter(are_called_after(pairs["name"], pairs["user"])).select("trace", "name")
    if len(crowds):
        called = pl.concat([called, _called_in_crowds(distinct.join(crowds, on="trace", how="semi"), users)])
    found = told.join(called, on=["trace", "name"], how="semi")["row"]
    return is_called.scatter(found, True)


def _called_in_crowds(names: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """Of traces that name many users, the names called after one: looked up by what they hold, pairs are not made."""
    crowds = users.join(names.select("trace").unique(), on="trace", how="semi")
    known = {trace: set(of["user"].str.to_lowercase()) for (trace,), of in crowds.group_by("trace")}
    sizes = {trace: sorted({len(user) for user in of}) for trace, of in known.items()}
    may = pl.concat([_may_hold(of, known[trace]) for (trace,), of in names.group_by("trace", maintain_order=True)])
    told = [holds_one_of(name, known[trace], sizes[trace]) for trace, name in may.iter_rows()]
    return may.filter(pl.Series(told, dtype=pl.Boolean))


def _may_hold(names: pl.DataFrame, users: Collection[str]) -> pl.DataFrame:
    """The names of one trace in which a user's id stands, as a word or not: all ids are looked for at once."""
    texts = pl.Series([name.lower() for name in names["name"]], dtype=pl.String)
    held = [user for user in users if len(user) >= HELD_CHARACTERS]
    may = texts.is_in(list(users))
    return names.filter(may | texts.str.contains_any(held) if held else may)


def holds_one_of(name: str, users: Collection[str], sizes: Sequence[int]) -> bool:
    """``is_called_after`` for any of ``users``, which are in lower case; ``sizes``: how long they are, each once."""
    text = name.lower()
    ends = [at for at in range(len(text) + 1) if at == len(text) or not _is_word(text[at])]
    begins = [0, *(at + 1 for at in range(len(text)) if not _is_word(text[at]))]
    can_end = set(ends)
    return text in users or any(
        begin + size in can_end and text[begin : begin + size] in users
        for begin in begins
        for size in sizes
        if size >= HELD_CHARACTERS
    )


def _is_word(letter: str) -> bool:
    """Whether it is a letter or a digit."""
    return letter.isalnum()


def _nobody(rows: int) -> pl.Series:
    return pl.Series(np.zeros(rows, np.bool_))


def _users(spans: pa.Table) -> pl.DataFrame:
    """``trace`` and ``user``, each pair once; most spans that name a user name no other one."""
    if not spans.num_rows:
        return pl.DataFrame()
    traces = _traces(spans)
    user, other = (pl.Series("user", spans[name]) for name in USERS)
    another = user.ne_missing(other)
    return pl.concat([_distinct(traces, user), _distinct(traces.filter(another), other.filter(another))])


def _distinct(traces: pl.Series, texts: pl.Series) -> pl.DataFrame:
    """The rows that have a text, each pair once."""
    told = pl.DataFrame([traces, texts])
    return told.filter(told.hash_rows().is_first_distinct() & texts.is_not_null())


def _traces(rows: pa.Table) -> pl.Series:
    """``trace``: a number for ``LEDGER`` and ``trace_id`` of each row."""
    return pl.DataFrame(rows.select([LEDGER, "trace_id"])).hash_rows().alias("trace")
