"""Spend with days without any: whether a day has some by what came before it, and how much by the days that had.

A level times an error says nothing where days without spend come between others (intermittent demand: Croston 1972, doi
10.1057/jors.1972.50). Days to come are drawn from the past itself instead, in two steps as by Willemain, Smart and
Schwarz (2004, doi 10.1016/S0169-2070(03)00013-X). Whether a day spends may depend on nothing, on the weekday, the day
before, or on how long there has been spend or none: each of these rules, with a memory that is long or short, counts
what followed; each path takes one, the more often the better it foretold the past, day by day, and chances as unsure as
its counts leave them (of a beta distribution). How much a day spends then is as where there are no gaps (``model.py``).

Pure: the same days give the same paths, of fixed draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.planning.model import PATHS, draw_sizes
from warehouse.planning.weekdays import WEEK, Flags, Indices, Reals

UNEXPLAINED = 0.1
"""Days that are unlike most of their weekday, over days with spend: from more on there are gaps."""
SILENT = 3
"""Days without spend at the end, of weekdays that mostly have some: from so many on it may be over."""
DECAYS = np.array([1.0, 0.5 ** (1 / 28)])
"""What a day of the past counts, a day later: always the same, or half after four weeks."""
AGES = (1, 7, 28)
"""How many days of spend, or of none, rules tell apart: the last one alone is a rule too."""
RULES = 2 + len(AGES)
CONTEXTS = 2 * AGES[-1]

_AGES = np.array(AGES)
_CONTEXT = np.arange(CONTEXTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learned:
    """What each origin knows of when there is spend.

    ``beliefs``: (origins, memories, rules, contexts, 2) parameters of the beta distribution of a day with spend;
    ``surprise``: (origins, memories, rules) how badly a rule foretold, in nats; ``spent``, ``age``: (origins,) whether
    the day before had spend, and for how many days that has been so.
    """

    beliefs: Reals
    surprise: Reals
    spent: Flags
    age: Indices


def has_gaps(spend: Reals, first_weekday: int, origins: Indices) -> Flags:
    """(origins,): whether spend before each of these days comes and goes otherwise than weekdays explain, or has ended.

    ``spend``: (days,) >= 0; ``first_weekday``: of its first day. Nothing at all has no gaps.
    """
    day = np.arange(spend.size)
    is_weekday = (first_weekday + day)[:, None] % WEEK == np.arange(WEEK)
    counts = is_weekday.cumsum(axis=0)
    days = counts[origins - 1]
    spent = (is_weekday & (spend > 0)[:, None]).cumsum(axis=0)[origins - 1]
    come_and_go = np.minimum(spent, days - spent).sum(axis=1) > UNEXPLAINED * spent.sum(axis=1)
    last = np.maximum.accumulate(np.where(spend > 0, day, -1))[origins - 1]
    silent = np.where(2 * spent > days, days - counts[last], 0).sum(axis=1)
    return np.asarray(come_and_go | ((last >= 0) & (silent >= SILENT)))


def draw_gaps(spend: Reals, first_weekday: int, origins: Indices, horizon: int) -> Reals:
    """(origins, PATHS, horizon): days from each origin on, drawn from those before it; all >= 0."""
    spent = _draw_spent(_learn(spend > 0, first_weekday, origins), (first_weekday + origins) % WEEK, horizon)
    sizes = np.array([draw_sizes(spend[:origin], first_weekday, horizon) for origin in origins])
    return np.where(spent, sizes, 0.0)


def _learn(spent: Flags, first_weekday: int, origins: Indices) -> _Learned:
    """One pass over the days; a rule foretells each before it counts it."""
    counts = np.zeros((DECAYS.size, RULES, CONTEXTS, 2))
    surprise = np.zeros((DECAYS.size, RULES))
    rules = np.arange(RULES)
    found = []
    age = 1
    for day in range(1, origins.max() + 1):
        beliefs = _beliefs(counts)
        found.append((beliefs, surprise.copy(), spent[day - 1], age))
        if day == spent.size:
            break
        context = _contexts((first_weekday + day) % WEEK, spent[day - 1], np.int64(age))
        told = beliefs[:, rules, context]
        surprise -= np.log(told[..., 0 if spent[day] else 1] / told.sum(axis=-1))
        counts *= DECAYS[:, None, None, None]
        counts[:, rules, context, 0 if spent[day] else 1] += 1
        age = age + 1 if spent[day] == spent[day - 1] else 1
    beliefs_, surprises, last, ages = zip(*(found[origin - 1] for origin in origins), strict=True)
    return _Learned(
        beliefs=np.array(beliefs_), surprise=np.array(surprises), spent=np.array(last), age=np.array(ages, np.int64)
    )


def _contexts(weekday: Indices | int, spent: Flags | np.bool_, age: Indices | np.int64) -> Indices:
    """(rules, …): where a day counts by each rule; what is told may be of any one shape."""
    shape = np.shape(age)
    ages = _AGES.reshape(-1, *(1 for _ in shape))
    runs = spent * ages + np.minimum(age, ages) - 1
    return np.concatenate([np.zeros((1, *shape), np.int64), np.broadcast_to(weekday, (1, *shape)), runs])


def _beliefs(counts: Reals) -> Reals:
    """What is counted, and as a day more what is known without the context: of all days, or of the day before alone."""
    anyway = counts[:, 0, :1] + 0.5
    anyway = anyway / anyway.sum(axis=-1, keepdims=True)
    after = counts[:, 2, :2] + anyway
    after = after / after.sum(axis=-1, keepdims=True)
    prior = np.empty_like(counts)
    prior[:, 0] = 0.5
    prior[:, 1:3] = anyway[:, None]
    for rule, age in enumerate(AGES[1:], start=3):
        prior[:, rule] = after[:, (age <= _CONTEXT).astype(np.int64)]
    return np.asarray(counts + prior)


def _draw_spent(learned: _Learned, weekdays: Indices, horizon: int) -> Flags:
    """(origins, PATHS, horizon): days with spend, each path by its rule and its chances."""
    random = np.random.default_rng(2)
    origins = learned.age.size
    surprise = learned.surprise.reshape(origins, -1)
    odds = np.exp(surprise.min(axis=1, keepdims=True) - surprise)
    upto = odds.cumsum(axis=1) / odds.sum(axis=1, keepdims=True)
    taken = (random.random((PATHS, 1)) > upto[:, None, :-1]).sum(axis=2)
    beliefs = learned.beliefs.reshape(origins, -1, CONTEXTS, 2)[np.arange(origins)[:, None], taken]
    chances = random.beta(beliefs[..., 0], beliefs[..., 1])
    draws = random.random((PATHS, horizon))
    rule = (taken % RULES)[None]
    spent = np.repeat(learned.spent[:, None], PATHS, axis=1)
    age = np.repeat(learned.age[:, None], PATHS, axis=1)
    found = np.zeros((origins, PATHS, horizon), np.bool_)
    for day in range(horizon):
        contexts = _contexts((weekdays[:, None] + day) % WEEK, spent, age)
        context = np.take_along_axis(contexts, rule, axis=0)[0]
        spends = draws[:, day] < np.take_along_axis(chances, context[..., None], axis=2)[..., 0]
        age = np.where(spends == spent, age + 1, 1)
        found[:, :, day] = spent = spends
    return found
