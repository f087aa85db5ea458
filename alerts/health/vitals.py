"""What health alerts remember: folds trained up to an hour ago, and what the minutes after say.

At start the folds are trained from the ledger, in blocks of five minutes, and then go on with time. The minutes that
may still change are never trained on: a copy is folded over them at every look. What comes later teaches nothing here,
as a share is hardly moved by it; where it comes to a twentieth of what was learnt (a backlog, a history that is
loaded), all is learnt anew, and nothing begins meanwhile. What has been told is taken from the journal alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alerts.health.bars import SHARE, bar_for
from alerts.health.counts import ALL, Block, Key, blocks_of
from alerts.health.fold import LEARN_EVERY, STILL, Fold
from alerts.health.places import Scope, is_within, place
from alerts.health.silence import Silence
from alerts.health.table import BY_NAME, CALLS, DIMENSIONS, FAMILIES, SILENCE, signals_of
from alerts.health.troubles import Trouble, Troubles
from alerts.ledger import Ledger
from alerts.minutes import DAY_MINUTES, MINUTE_S, day_start, minute_of, to_minute, to_time
from alerts.signals.arrays import Bools, Floats, grown
from alerts.signals.feed import Feed
from alerts.young import times_while_young

EVERYBODY: Key = (ALL,) * len(DIMENSIONS)
"""The feed."""
MOST_DAYS = 10
"""Of history: more would be forgotten anyway."""
HELD = 30
"""Minutes without anything of its own in which what was odd is neither odd nor calm."""
LATE_SHARE, LATE_LEAST = 0.05, 100
"""Calls that came late, as a share of those that were learnt and at least, of which all is learnt anew."""


class Body:
    """The state of all series: a fold a family, and who speaks."""

    def __init__(self, budget: float) -> None:
        self.folds = {name: Fold(family, bar_for(budget)) for name, family in FAMILIES.items()}
        self.silence = Silence()
        self.feed = Feed()
        self._budget = SHARE * budget

    @property
    def has_begun(self) -> bool:
        """Whether anything has come."""
        return self.folds[CALLS].minutes > 0

    def times_while_young(self, troubles: Troubles) -> float:
        """How many times its bar the next must score, by how many have been told since there is anything."""
        calls = self.folds[CALLS]
        tenants = {key[0] for key in calls.index.keys} - {ALL}
        heard = sum(one.opened >= calls.began for one in troubles.all)
        return times_while_young(heard, budget=self._budget, tenants=len(tenants), days=calls.minutes / DAY_MINUTES)

    def blocks(self, rows: pa.Table, first: int, end: int, width: int) -> Iterator[dict[str, Block]]:
        """What came, by family, block by block."""
        several = [blocks_of(rows, fold.index, first, end, width) for fold in self.folds.values()]
        for blocks in zip(*several, strict=True):
            yield dict(zip(self.folds, blocks, strict=True))

    def step(self, blocks: Mapping[str, Block], *, is_full: bool = True) -> tuple[dict[str, Bools], list[Key]]:
        """What is odd by family, and who is silent."""
        odd = {name: fold.step(blocks[name]) for name, fold in self.folds.items()}
        calls = blocks[CALLS]
        self.feed.step(calls.minute, bool(calls.counts["calls"].any()), calls.width)
        return odd, self._hear(blocks[CALLS]) if is_full else []

    def speakers(self) -> list[Key]:
        """Whose silence is heard: tenants and their features, as ``silence`` has them."""
        return [key for key in self.folds[CALLS].index.keys if key[2] is ALL and key[0] is not ALL]

    def _hear(self, block: Block) -> list[Key]:
        """Who is silent; ``EVERYBODY`` in the place of those with whom the feed is."""
        index, speakers = self.folds[CALLS].index, self.speakers()
        counted = grown(block.counts["calls"], len(index.keys))
        calls = counted[[place for place, key in enumerate(index.keys) if key[2] is ALL and key[0] is not ALL]]
        silent = np.flatnonzero(self.silence.step(block.minute, block.width, calls))
        tenants = np.array([key[1] is ALL for key in speakers], np.bool_)
        shared = {int(one): bool(self.silence.stopped_with(int(one), tenants).any()) for one in silent}
        alone = [speakers[one] for one in silent if not shared[int(one)]]
        return [EVERYBODY, *alone] if any(shared.values()) else alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A minute that was judged: by family (signals, series) part and whole, and its counts and histograms."""

    minute: int
    part: Mapping[str, Floats]
    whole: Mapping[str, Floats]
    blocks: Mapping[str, Block]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """``seen``: the minutes; ``body`` as it is at their end; ``troubles``: with what has begun, gone on and ended."""

    seen: Sequence[Seen]
    body: Body
    troubles: Troubles
    until: int


class Vitals:
    """``until`` is the first minute that is not trained, None before the first training."""

    def __init__(self, budget: float, *, days: int) -> None:
        self.until: int | None = None
        self.body = Body(budget)
        self.is_anew = False
        self._budget = budget
        self._horizon = timedelta(days=min(days, MOST_DAYS))
        self._calls: dict[date, float] = {}
        self._standing = 0.0

    def train(self, ledger: Ledger, until: int) -> int:
        """Up to the last block that ends by ``until``, which is returned; ``is_anew``: because much has come late.

        While more still comes from look to look (weeks that are filled in), that is not learnt yet.
        """
        until -= until % LEARN_EVERY
        before = self._standing
        self.is_anew = self._has_grown(ledger)
        if self.is_anew and self._standing == before:
            self.until, self.body, self._calls = None, Body(self._budget), {}
        if self.until is None:
            self.until = self._first_day(until)
        while self.until < until:
            end = min(day_start(self.until) + DAY_MINUTES, until)
            rows = ledger.health(to_time(self.until), to_time(end), every_s=LEARN_EVERY * MINUTE_S)
            self._count(to_time(self.until).date(), rows)
            for blocks in self.body.blocks(rows, self._first_of(rows, end), end, LEARN_EVERY):
                self.body.step(blocks)
            self.until = end
        return self.until

    def _first_day(self, until: int) -> int:
        return day_start(to_minute(to_time(until) - self._horizon))

    def _count(self, day: date, rows: pa.Table) -> None:
        came = pc.sum(rows.filter(pc.equal(rows["measure"], "calls"))["amount"], min_count=0).as_py()
        self._calls[day] = self._calls.get(day, 0.0) + came

    def _has_grown(self, ledger: Ledger) -> bool:
        """Whether the days that were learnt hold much more by now."""
        if self.until is None:
            return False
        first = self._first_day(self.until)
        self._calls = {day: calls for day, calls in self._calls.items() if minute_of(day) >= first}
        self._standing = sum(total.calls for total in ledger.days(to_time(first), to_time(self.until)).values())
        learnt = sum(self._calls.values())
        return self._standing - learnt > max(LATE_SHARE * learnt, LATE_LEAST)

    def _first_of(self, rows: pa.Table, end: int) -> int:
        """Where to go on; nothing is learnt of the time before anything came."""
        first = end if self.until is None else self.until
        if self.body.has_begun:
            return first
        return (
            max(first, to_minute(pc.min(rows["slot"]).as_py()) // LEARN_EVERY * LEARN_EVERY) if rows.num_rows else end
        )

    def judge(self, rows: pa.Table, troubles: Troubles, end: int, *, open_from: int, calm: Mapping[str, int]) -> Judged:
        """What the minutes from ``until`` to ``end`` (not included) say; the last may still be filling.

        ``rows``: those of the question ``health``, by minute. ``calm``: minutes after which a told one is over, by id.
        """
        first = end if self.until is None else self.until
        body = copy.deepcopy(self.body)
        seen = []
        for blocks in body.blocks(rows, first, max(end, first), 1):
            minute = blocks[CALLS].minute
            follow(body, troubles, blocks, calm, may_begin=minute >= open_from, is_full=minute < end - 1)
            part, whole = ({name: fold.last[place] for name, fold in body.folds.items()} for place in (0, 1))
            seen.append(Seen(minute=minute, part=part, whole=whole, blocks=blocks))
        return Judged(seen=seen, body=body, troubles=troubles, until=max(end, first))


def follow(
    body: Body,
    troubles: Troubles,
    blocks: Mapping[str, Block],
    calm: Mapping[str, int],
    *,
    may_begin: bool = True,
    is_full: bool = True,
) -> None:
    """Take a minute in: troubles begin, go on and end with it; one that is still filling ends none."""
    minute = blocks[CALLS].minute
    odd, silent = body.step(blocks, is_full=is_full)
    if may_begin:
        _begin(body, troubles, minute, odd, silent)
    _go_on(body, troubles, minute, silent, is_full=is_full)
    if is_full:
        _end(troubles, minute, calm)


def _begin(body: Body, troubles: Troubles, minute: int, odd: Mapping[str, Bools], silent: Sequence[Key]) -> None:
    for family, row in _odd_rows(odd):
        fold = body.folds[family]
        found = np.flatnonzero(odd[family][row] & (fold.last[1][row] > 0))
        for series in found[np.argsort(-fold.score[row, found], kind="stable")]:
            scope, leaf = place(fold, row, int(series))
            signal = fold.signals[row].name
            times = max(troubles.times(signal, leaf, minute), body.times_while_young(troubles))
            if fold.score[row, series] >= fold.bar * times:
                span = fold.span[row, series]
                share = fold.part[span, row, series] / fold.whole[span, row, series]
                beyond = abs(float(share - fold.due(fold.whole)[span, row, series]))
                troubles.take(signal, scope, leaf, minute, beyond=beyond, is_still=lambda one: _is_still(body, one))
    for key in sorted(silent, key=lambda one: (one[0] is not ALL, one[1] is not ALL)):  # tenants before their features
        named = {name: value for name, value in zip(DIMENSIONS, key, strict=True) if value is not ALL}
        troubles.take(SILENCE, named, key, minute, is_still=lambda one, named=named: bool(one.scope) == bool(named))  # type: ignore[misc]


def _odd_rows(odd: Mapping[str, Bools]) -> list[tuple[str, int]]:
    """Family and row of the signals of which anything is odd, in the order of the table."""
    if not any(found.any() for found in odd.values()):
        return []  # nearly every minute
    rows = {
        signal.name: (family, row)
        for family, found in odd.items()
        for row, signal in enumerate(signals_of(family))
        if found[row].any()
    }
    return [rows[name] for name in BY_NAME if name in rows]


def _go_on(body: Body, troubles: Troubles, minute: int, silent: Sequence[Key], *, is_full: bool) -> None:
    for one in troubles.all:
        if not one.is_open:
            continue
        if one.signal == SILENCE:
            if not is_full or any(
                is_within(key, one.scope) and bool(one.scope) == (key != EVERYBODY) for key in silent
            ):
                one.active = minute
        else:
            _follow(body, one, minute)


def _follow(body: Body, one: Trouble, minute: int) -> None:
    """A minute without anything of its own says nothing of it for a while, a gap of the feed never does."""
    still, spoke = _is_still(body, one), _speaks(body, one)
    if still and spoke:
        one.active, one.unheard = minute, 0
    elif not body.feed.is_heard or (still and not spoke and one.unheard < HELD):
        one.unheard += 1


def _end(troubles: Troubles, minute: int, calm: Mapping[str, int]) -> None:
    for one in troubles.all:
        since = max(one.active, one.since) + one.unheard
        if one.is_open and minute - since >= calm.get(one.known_as or "", calm[""]):
            one.resolved = one.active + 1


def _is_still(body: Body, one: Trouble) -> bool:
    return beyond_now(body, one.signal, one.scope) >= STILL * max(one.beyond, BY_NAME[one.signal].points)


def _speaks(body: Body, one: Trouble) -> bool:
    """Whether the last minute had anything of it."""
    signal = BY_NAME[one.signal]
    fold = body.folds[signal.family]
    whole = fold.last[1][fold.signals.index(signal)]
    return any(is_within(fold.index.keys[place], one.scope) for place in np.flatnonzero(whole))


def beyond_now(body: Body, signal: str, scope: Scope) -> float:
    """By how much the share of a scope differs from the usual one, by the shortest span that has enough; 0 of none."""
    row_of = BY_NAME[signal]
    fold = body.folds[row_of.family]
    row = fold.signals.index(row_of)
    mine = np.array(
        [leaf and is_within(key, scope) for key, leaf in zip(fold.index.keys, fold.index.is_leaf, strict=True)]
    )
    if not mine.any():
        return 0.0
    usual = fold.usual()[row, mine]
    for part, whole in zip(fold.part[:, row][:, mine], fold.whole[:, row][:, mine], strict=True):
        if whole.sum() >= row_of.least:
            return float((part - usual * whole).sum() / whole.sum()) * (-1 if row_of.falls else 1)
    return 0.0
