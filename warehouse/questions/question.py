"""A question as its file states it, and the SQL that it becomes for given parameters."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import resources
from typing import cast

from warehouse.errors import BadQuestion
from warehouse.questions.dimensions import Filter, Level, filter_sql, sql_of
from warehouse.questions.kinds import DIMENSION as TOKEN_KIND
from warehouse.questions.kinds import kind_places
from warehouse.questions.parameters import Parameter, Value, begins_within_hours, bucket_sql
from warehouse.questions.tasks import task_places
from warehouse.schemas import TABLES
from warehouse.scope import identifier

_TAKES = re.compile(r"(?P<name>\w+): (?P<kind>\w+)(?: of (?P<table>\w+))? = ?(?P<default>[^;]*); (?P<help>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One named question.

    ``reads`` maps tables to the files that are needed, ``in window``, ``in window by bucket`` or all (empty);
    ``gives`` explains columns that need it; ``whole`` names columns about the whole deployment, which nobody sees whose
    scope is not ALL; ``table`` names the measures that a person wants to see first, none = all columns; ``books`` names
    the question that is asked instead where ``as_of_settlement`` is given; ``lacks`` says of dimensions that it has
    not, what answers; ``sums`` of parameters that a report gives to its own sums, why nobody else does.
    """

    name: str
    summary: str
    reads: Mapping[str, str]
    takes: tuple[Parameter, ...]
    gives: Mapping[str, str]
    whole: tuple[str, ...]
    table: tuple[str, ...]
    sql: str
    books: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)

    @property
    def offered(self) -> tuple[Parameter, ...]:
        """What the report takes."""
        return tuple(one for one in self.takes if one.name not in self.sums)

    def check_offered(self, given: Mapping[str, object], named: Callable[[str], str] = str) -> None:
        """Raise BadQuestion where the report is given what only its sums take."""
        for name, why in self.sums.items():
            if given.get(name) not in (None, "", (), {}):
                raise BadQuestion(f"{named(name)} = {given[name]!r}: {why}")

    def parse(self, given: Mapping[str, object], named: Callable[[str], str] = str) -> dict[str, Value]:
        """All parameters, those not given by their defaults. Raises BadQuestion, also for the question asked instead.

        ``named`` says how the asker wrote a parameter's name: a flag, on a command line.
        """
        if unknown := sorted(set(given) - {one.name for one in self.takes}):
            takes, not_ = (", ".join(map(named, names)) for names in ([one.name for one in self.offered], unknown))
            raise BadQuestion(f"{self.name} takes {takes or 'nothing'}, not {not_}")
        self._check_lacking(given, named)
        values = {p.name: p.parse(given.get(p.name, p.default), named) for p in self.takes}
        self._check_told(values, named)
        start, end = values.get("start"), values.get("end")
        if isinstance(start, datetime) and isinstance(end, datetime) and start >= end:
            first, after = named("start"), named("end")
            raise BadQuestion(f"{first} {start.isoformat()} must be before {after} {end.isoformat()}")
        self._check_buckets(values, named)
        if self.books and values["as_of_settlement"] is not None:
            levels = next((one.levels for one in self.takes if one.levels), ())
            load_question(self.books).knowing(levels).parse(given, named)
        return values

    def _check_lacking(self, given: Mapping[str, object], named: Callable[[str], str]) -> None:
        """A dimension that has no meaning here is refused with what answers."""
        for one in self.takes:
            told = given.get(one.name)
            if one.kind not in ("dimensions", "filter") or not isinstance(told, Iterable):
                continue
            names = {*re.split(r"[\s,=]+", told)} if isinstance(told, str) else {*map(str, told)}
            for name in sorted(names & self.lacks.keys()):
                raise BadQuestion(f"{named(one.name)} = {told!r}: {self.name} has no {name}; {self.lacks[name]}")

    def _check_told(self, values: Mapping[str, Value], named: Callable[[str], str]) -> None:
        """What every row tells by itself is nothing to group by."""
        for one in self.takes:
            value = values[one.name]
            if one.kind != "dimensions" or not isinstance(value, tuple):
                continue
            if told := sorted({str(name) for name in value} & set(self.table)):
                raise BadQuestion(
                    f"{named(one.name)} = {','.join(map(str, value))!r}: each row of {self.name} tells its "
                    f"{' and '.join(told)} in any case; leave it out"
                )

    def _check_buckets(self, values: Mapping[str, Value], named: Callable[[str], str]) -> None:
        """What is kept by the hour has no sums of days that begin within one."""
        zone = str(values.get("zone") or "UTC")
        for one in self.takes:
            is_hourly = one.table in TABLES and values[one.name] and TABLES[one.table].time == "hour"
            is_hourly = is_hourly and one.kind in ("bucket", "zone")
            if is_hourly and begins_within_hours(zone):
                raise BadQuestion(
                    f"{named('zone')} = {zone!r}: the books are kept by the hour of UTC, days there begin within one; "
                    f"leave out {' or '.join(dict.fromkeys((named(one.name), named('zone'))))}, "
                    f"or ask `spend` without {named('as_of_settlement')}, which is kept by the minute"
                )

    def keys(self, values: Mapping[str, Value]) -> dict[str, str]:
        """What the answer is grouped by: names of columns and the SQL that they stand for."""
        keys: dict[str, str] = {}
        for parameter in self.takes:
            value = values[parameter.name]
            if parameter.kind == "bucket" and value:
                keys[parameter.name] = bucket_sql(str(value), parameter.table, values.get("zone"))
            elif parameter.kind == "dimensions" and isinstance(value, tuple):
                to_sql = sql_of(parameter.levels)
                keys |= {str(name): to_sql(str(name)) for name in value}
        return keys

    def grain(self, table: str, values: Mapping[str, Value]) -> str:
        """``minute``, ``hour`` or ``day``: the coarsest sums of a table from which this can be answered."""
        if not self.reads[table].endswith("by bucket"):
            return "minute"
        bucket, zone = values.get("bucket"), str(values.get("zone") or "UTC")
        if not bucket:
            return "day"
        if bucket == "minute" or begins_within_hours(zone):
            return "minute"
        return "hour" if bucket == "hour" or zone != "UTC" else "day"

    def knowing(self, levels: tuple[Level, ...]) -> Question:
        """The same question where a file declares levels above the dimensions of its tables."""
        if not levels:
            return self
        return replace(self, takes=tuple(replace(one, levels=levels) if one.table else one for one in self.takes))

    def used(self, values: Mapping[str, Value]) -> set[str]:
        """Dimensions of the table that grouping and filters look at; of a level the one that it stands on."""
        names: set[str] = set()
        for one in self.takes:
            value = values[one.name]
            if one.kind in ("dimensions", "filter") and isinstance(value, tuple):
                key_of = {level.name: level.key for level in one.levels}
                told = (item[0] if one.kind == "filter" else item for item in value)
                names |= {key_of.get(str(name), str(name)) for name in told}
        return names

    def render(self, values: Mapping[str, Value]) -> str:
        """The SQL with dimensions and bucket in their places."""
        keys = self.keys(values)
        apart = [name for name in keys if name != TOKEN_KIND]
        texts = {
            "{columns}": "".join(f"{sql} AS {identifier(name)}, " for name, sql in keys.items()),
            "{apart}": f"PARTITION BY {', '.join(map(identifier, apart))}" if apart else "",
            "{keys}": "".join(f"{identifier(name)}, " for name in keys),
            "{bucket}": "bucket, " if "bucket" in keys else "",
        }
        for one in self.takes:
            if one.kind == "filter":
                rules = cast("Filter", values[one.name])
                texts[f"{{{one.name}}}"] = filter_sql(rules, one.levels)
                of_tasks = tuple(rule for rule in rules if rule[0] != TOKEN_KIND)
                texts[f"{{{one.name}_of_tasks}}"] = filter_sql(of_tasks, one.levels)
        texts |= task_places(self.used(values)) | kind_places(self.used(values))
        return re.sub(r"\{\w+\}", lambda place: texts[place[0]], self.sql)

    def bound(self, values: Mapping[str, Value], *, whole: bool) -> dict[str, Value]:
        """The values that the SQL takes as ``$name``; ``$whole`` is whether the scope is ALL."""
        used = set(re.findall(r"\$(\w+)", self.sql))
        return {name: value for name, value in {**values, "whole": whole}.items() if name in used}


_PARTS = resources.files("warehouse.questions").joinpath("parts")


def read_part(name: str) -> str:
    """Text of SQL that questions share: relations of a WITH clause."""
    lines = _PARTS.joinpath(name).read_text("utf-8").splitlines()
    return _with_parts("\n".join(line for line in lines if not line.startswith("--")).strip())


def _with_parts(text: str) -> str:
    """The text of a question with the parts that it shares with others, ``{tasks.sql}``, in their places."""
    return re.sub(r"\{(\w+\.sql)\}", lambda place: read_part(place[1]), text)


def question_names() -> list[str]:
    """All named questions."""
    files = resources.files("warehouse.questions").iterdir()
    return sorted(file.name.removesuffix(".sql") for file in files if file.name.endswith(".sql"))


@functools.cache
def load_question(name: str) -> Question:
    """A question by its name. Raises BadQuestion."""
    if name not in question_names():
        raise BadQuestion(f"there is no question {name!r}; there are {', '.join(question_names())}")
    text = resources.files("warehouse.questions").joinpath(f"{name}.sql").read_text("utf-8")
    return parse_question(name, _with_parts(text))


def parse_question(name: str, text: str) -> Question:
    """A question from the text of its file; ValueError where the header is not as it must be."""
    lines = text.splitlines()
    header = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    takes = [_parse_takes(name, line.removeprefix("takes ")) for line in header if line.startswith("takes ")]
    gives = [line.removeprefix("gives ").partition(": ") for line in header if line.startswith("gives ")]
    reads = [line.removeprefix("reads ") for line in header if line.startswith("reads ")]
    tables = [word.strip() for line in reads for word in line.split(",")]
    return Question(
        name=name,
        summary=header[0],
        reads={name: extent for name, _, extent in (table.partition(" ") for table in tables)},
        takes=tuple(takes),
        gives={column: help_ for column, _, help_ in gives},
        whole=_words(header, "whole "),
        table=_words(header, "table "),
        sql="\n".join(line for line in lines if not line.startswith("--")).strip(),
        books="".join(_words(header, "books ")),
        lacks=_said(header, "lacks "),
        sums=_said(header, "sums "),
    )


def _said(header: list[str], key: str) -> dict[str, str]:
    """What lines of the header say of the words before their colon."""
    lines = [line.removeprefix(key).partition(": ") for line in header if line.startswith(key)]
    return {word.strip(): said for words, _, said in lines for word in words.split(",")}


def _words(header: list[str], key: str) -> tuple[str, ...]:
    """The words of a list in the header."""
    lists = [line.removeprefix(key) for line in header if line.startswith(key)]
    return tuple(word.strip() for line in lists for word in line.split(","))


def _parse_takes(question: str, line: str) -> Parameter:
    match = _TAKES.fullmatch(line)
    if match is None:
        raise ValueError(f"{question}.sql: cannot read `takes {line}`")
    return Parameter(
        name=match["name"],
        kind=match["kind"],
        table=match["table"] or "",
        default=match["default"].strip(),
        help=match["help"],
    )
