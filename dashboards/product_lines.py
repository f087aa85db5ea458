"""The first lines of the pages for product managers, as ``dashboards.sentences`` makes those of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from dashboards import figures
from dashboards.before import ALONE, Before
from dashboards.figures import Figure
from dashboards.grid import Row
from dashboards.sentences import bold, counted, lead
from warehouse.experiments.compare import NOT_ENOUGH
from warehouse.experiments.estimates import FEWEST
from warehouse.experiments.measures import MEASURES

SCORED = {measure.name for measure in MEASURES if measure.weight}


def adoption(day: Row, told: Figure, before: Before = ALONE) -> str:
    """``1,208 people in the 30 days up to 20 Nov, 669 in 7, 277 on the day: stickiness 22.9 %; 19 new, 23 gone``."""
    month, week, once = (
        bold(figures.count(day[name])) + before.count(name, day[name])
        for name in ("monthly_users", "weekly_users", "daily_users")
    )
    sticky = bold(figures.share(day["stickiness"])) + before.share("stickiness", day["stickiness"])
    new, left = (bold(figures.count(day[f"{name}_users"])) for name in ("new", "left"))
    return lead(
        f"{month} {people(day['monthly_users'])} in the 30 days up to {bold(told)}, {week} in 7, {once} on the day: "
        f"stickiness {sticky}; {new} new on the day, {left} gone for 30 days"
    )


def people(number: int) -> str:
    """``person`` of 1, else ``people``."""
    return "person" if number == 1 else "people"


def quality(
    task: Row, judged: Mapping[str, Row], tools: Mapping[str, Row], *, phrase: str, before: Before = ALONE
) -> str:
    """``89.4 % of tasks succeeded today; 96.3 % of judged answers are grounded; 20.8 % of tasks were evaluated``."""
    rate = task["success_rate"]
    said = (
        "No task has an outcome"
        if rate is None
        else f"{bold(figures.share(rate))}{before.share('success_rate', rate)} of tasks with an outcome succeeded"
    )
    parts = [f"{said} {escape(phrase)}"]
    if grounded := judged.get("groundedness"):
        good, bad = (bold(figures.share(grounded[f"{name}_rate"])) for name in ("good", "bad"))
        parts.append(f"{good} of judged answers are grounded, {bad} hallucinated")
    coverage = judged["any"]["coverage"] if "any" in judged else 0
    parts.append(f"{bold(figures.share(coverage))} of tasks were evaluated")
    if run := tools.get("execute_tool"):
        parts.append(f"{bold(figures.share(run['success_rate']))} of tool runs worked")
    return lead("; ".join(parts))


def changes(rows: Sequence[Row], latest: Figure | None, *, phrase: str) -> str:
    """``3 versions are new in the last 7 days, the latest chat@8 of acme since 20 Nov; no incident opened …``."""
    if not rows or latest is None:
        return lead(f"No new model or prompt version {escape(phrase)}")
    first = rows[0]
    hit = sum(1 for row in rows if row["incidents"])
    many = bold(counted(len(rows), "version")) + (" is" if len(rows) == 1 else " are")
    of = f" of {escape(first['tenant'])}" if first["tenant"] else ""
    after = (
        f"an incident opened within a day after {bold(figures.count(hit))} of them"
        if hit
        else "no incident opened within a day after"
    )
    return lead(
        f"{many} new {escape(phrase)}, the latest {bold(_name(first['version']))}{of} "
        f"since {bold(latest)}, {bold(figures.share(first['share']))} of its feature's calls {escape(phrase)}; {after}"
    )


def experiment(rows: Sequence[Row], names: Mapping[str, str], prompt: str | None = None) -> str:
    """The verdict: ``chat@8 is better than chat@7 by a score of +12.0 % (+4.1 % to +19.9 %); it is better in …``.

    What is worse is so by an amount without a sign. ``prompt``: whose versions are compared.
    """
    *measures, score = rows
    one, other = (
        bold(_name(f"{prompt}@{score[side]}" if prompt else score[side])) for side in ("baseline", "candidate")
    )
    if score["verdict"] == NOT_ENOUGH:
        return lead(f"Not enough calls to tell {other} from {one}{_what_lacks(measures, names)}")
    change = _score(score, is_worse=score["verdict"] == "worse")
    said = {
        "better": f"{other} is better than {one} by {change}",
        "worse": f"{other} is worse than {one} by {change}",
    }.get(score["verdict"], f"No difference shown between {other} and {one}: {change}")
    found = [
        f"{word} in {escape(', '.join(some))}"
        for word in ("better", "worse")
        if (some := [names[row["measure"]].lower() for row in measures if row["verdict"] == word])
    ]
    which = "it" if score["verdict"] in ("better", "worse") else other
    return lead(said + (f"; {which} is {' and '.join(found)}" if found else ""))


def _score(score: Row, *, is_worse: bool) -> str:
    """``a score of +12.0 % (+4.1 % to +19.9 %)``; of what is worse by how much: ``3.8 % (1.2 % to 6.4 %)``."""
    parts = [score[f"difference{end}"] for end in ("", "_low", "_high")]
    if is_worse:
        parts = [-parts[0], -parts[2], -parts[1]]
    shown, *ends = (figures.share_change(one) for one in parts)
    if is_worse:
        shown, *ends = (
            Figure(text=one.text.removeprefix("+"), exact=one.exact.removeprefix("+")) for one in (shown, *ends)
        )
    return f"a score of {bold(shown)} ({' to '.join(end.text for end in ends)})"


def _what_lacks(measures: Sequence[Row], names: Mapping[str, str]) -> str:
    """Of what the score is made of, the side with the fewest."""
    least = min(
        (
            (row[f"{side}_n"], names[row["measure"]].lower(), row[side])
            for row in measures
            for side in ("baseline", "candidate")
            if row["measure"] in SCORED
        ),
        default=None,
    )
    if least is None or least[0] >= FEWEST:
        return ""
    count, what, side = least
    return f": {escape(what)} is known of {bold(figures.count(count))} of {bold(_name(side))}, {FEWEST} are needed"


def _name(text: str) -> Figure:
    return Figure(text=text, exact=text)
