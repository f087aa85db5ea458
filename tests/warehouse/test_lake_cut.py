"""Which commits a reader hides, so that all tables have every stream equally far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hypothesis import given
from hypothesis import strategies as st

from warehouse.lake.cut import hidden_commits
from warehouse.lake.log import Commit

TABLES = ("usage", "spans", "flushes")  # `flushes` is committed last


def commit(version: int, **transactions: int) -> Commit:
    """A commit that moves streams to their next offsets."""
    return Commit(version=version, at_ms=version, transactions=transactions, added=frozenset({f"{version}.parquet"}))


def hidden(commits: Mapping[str, list[Commit]]) -> dict[str, list[int]]:
    """Versions of the hidden commits by table; tables without any are left out."""
    found = hidden_commits(commits, lambda stream: reach(commits["flushes"], stream))
    return {table: [one.version for one in some] for table, some in found.items() if some}


def reach(commits: list[Commit], stream: str) -> int:
    """The next offset of a stream after these commits."""
    return max((one.transactions[stream] for one in commits if stream in one.transactions), default=0)


def test_nothing_is_hidden_where_all_tables_agree():
    assert hidden({table: [commit(1, a=5), commit(2, b=3)] for table in TABLES}) == {}


def test_commits_of_a_flush_that_is_not_in_all_tables_are_hidden():
    first = commit(1, a=5)

    assert hidden({"usage": [first, commit(2, a=9)], "spans": [first], "flushes": [first]}) == {"usage": [2]}


def test_a_stream_that_is_behind_does_not_hide_another_one():
    ours, theirs = commit(1, a=5), commit(2, b=3)

    assert hidden({"usage": [ours, theirs], "spans": [theirs], "flushes": [theirs]}) == {"usage": [1]}


def test_streams_of_a_torn_commit_step_back_together_in_all_tables():
    both, after = commit(1, a=5, b=3), commit(3, a=9)
    half = commit(2, a=5)

    torn = {"usage": [both, after], "spans": [half, after], "flushes": [half, after]}

    assert hidden(torn) == {"usage": [1, 3], "spans": [2, 3], "flushes": [2, 3]}


def test_a_torn_commit_is_seen_when_its_last_stream_has_been_taken_up():
    both, ours, theirs = commit(1, a=5, b=3), commit(2, a=5), commit(3, b=3)

    assert hidden({"usage": [both], "spans": [ours, theirs], "flushes": [ours, theirs]}) == {}


def test_a_commit_without_streams_is_seen():
    assert hidden({"usage": [commit(0)], "spans": [commit(0)], "flushes": [commit(0)]}) == {}


Moves = list[tuple[int, bool]]


def play(moves: Moves) -> dict[str, list[Commit]]:
    """Two workers with two streams each; a move takes one a table further or, where True, kills it.

    What a killed one had begun is taken up again stream by stream, as the commit protocol has it.
    """
    log: dict[str, list[Commit]] = {table: [] for table in TABLES}
    work = {worker: _flushes(worker) for worker in (0, 1)}
    for number, (worker, dies) in enumerate(moves):
        next(work[worker])(log, number)
        if dies:
            work[worker] = _flushes(worker, log)
    return log


def _flushes(worker: int, log: Mapping[str, list[Commit]] | None = None) -> Iterator:
    streams = [f"{worker}a", f"{worker}b"]
    have = {s: [reach(log[table], s) for table in TABLES] if log else [0] * len(TABLES) for s in streams}
    for stream in streams:
        if len(set(have[stream])) > 1:
            yield from _flush({stream: max(have[stream])})
    ends = {stream: max(have[stream]) for stream in streams}
    while True:
        ends = {stream: end + 5 for stream, end in ends.items()}
        yield from _flush(ends)


def _flush(ends: Mapping[str, int]) -> Iterator:
    for table in TABLES:
        yield lambda log, number, table=table: _append(log[table], number, ends)


def _append(commits: list[Commit], number: int, ends: Mapping[str, int]) -> None:
    missing = {stream: end for stream, end in ends.items() if reach(commits, stream) < end}
    if missing:
        commits.append(commit(number, **missing))


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([False] * 6 + [True])), max_size=60))
def test_whatever_workers_do_all_visible_tables_have_every_stream_equally_far(moves: Moves):
    log = play(moves)

    unseen = hidden(log)

    seen = {table: [one for one in log[table] if one.version not in unseen.get(table, [])] for table in TABLES}
    for stream in ("0a", "0b", "1a", "1b"):
        assert len({reach(seen[table], stream) for table in TABLES}) == 1
