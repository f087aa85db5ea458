"""Ask the lake a question; without a name, list the questions.

    spanledger report
    spanledger report spend --by tenant,feature --from 2026-03-01 --to 2026-04-01
    spanledger report spend --by model --bucket day --tenant acme --format csv
    spanledger report calls --param limit=20 --format json
    spanledger report cost-per-successful-task --by feature --from 2026-03-01 --to 2026-04-01
    spanledger report unit-economics --bucket month --as-of-settlement 412 --format parquet --out units.parquet
    spanledger report chargeback --by cost_centre --from 2026-03-01 --to 2026-04-01 --format pdf --out march.pdf
    spanledger report forecast --by tenant --to 2026-04-01
    spanledger report variance --by feature --from 2026-03-01 --to 2026-04-01 --param against=forecast

--from and --to are UTC dates or RFC 3339 times, --to is not included. --tenant may be given several times and limits
what the question sees; `unattributed` names the calls without a tenant. So it does of any dimension in a filter, as in
--param where=tenant=acme,feature=unattributed. JSON, CSV and Parquet hold every column, exact money as decimal text, in
Parquet as decimals; the table leaves out empty columns and rounds. --as-of-settlement says what the books said when
that settlement was the last one (`spanledger report settlements` lists them).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from spanledger.engines import add_engine_flag, opener_of
from spanledger.errors import CannotRun

if TYPE_CHECKING:
    import pyarrow as pa

    from spanledger.answers import Out
    from spanledger.settings import Settings
    from warehouse.allocation import Dimensions
    from warehouse.planning import Plans
    from warehouse.questions import Question
    from warehouse.questions.parameters import Value
    from warehouse.reader import Scope, WarehouseSnapshot


FLAGS = {
    "start": "--from",
    "end": "--to",
    "by": "--by",
    "bucket": "--bucket",
    "as_of_settlement": "--as-of-settlement",
}
"""Parameters that have a flag of their own."""
CHARGEBACK = "chargeback"
BUDGETS = "budgets"
SLO = "slo"
STATEMENTS = ("markdown", "pdf")
"""Formats of statements alone."""
FORMATS = ("table", "json", "csv", "parquet", *STATEMENTS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument("question", nargs="?", metavar="NAME", help="the question; none = list all")
    parser.add_argument("--by", metavar="DIM,…", help="dimensions to group by; '' = in one row")
    parser.add_argument("--bucket", choices=("minute", "hour", "day", "month"), help="over time instead of in total")
    parser.add_argument("--from", dest="start", metavar="TIME", help="first instant")
    parser.add_argument("--to", dest="end", metavar="TIME", help="first instant after")
    parser.add_argument("--as-of-settlement", metavar="N", help="what settlements up to this one had said")
    parser.add_argument("--tenant", action="append", metavar="TENANT", help="only this tenant; may be repeated")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="any other parameter")
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there; none = to stdout")
    add_engine_flag(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print one answer; 0 whatever it says."""
    from spanledger.answers import open_out, scope_of
    from warehouse.allocation import check_months, read_dimensions
    from warehouse.questions import load_question
    from warehouse.reader import Warehouse

    if args.question is None:
        _list_questions()
        return 0
    said = read_dimensions(settings.settle.dimensions)
    question = load_question(args.question).knowing(said.levels)
    asked = Asked(question=question, scope=scope_of(args.tenant), params=_parameters(args, question, settings))
    question.check_offered(asked.params, _flag)
    plans = _plans_for(question.name, settings, said)
    values = asked.question.parse(asked.params, _flag)
    if question.name == CHARGEBACK:
        check_months(values, _flag)
    if args.format in STATEMENTS and question.name != CHARGEBACK:
        raise CannotRun(f"--format {args.format} is for {CHARGEBACK}; {question.name} is no statement")
    engine = opener_of(settings)
    with open_out(args.out, args.format) as out:
        snapshot = Warehouse(settings.lake, said.levels, engine).snapshot()
        lake = Asking(snapshot=snapshot, said=said, plans=plans, fonts=settings.settle.pdf_fonts)
        _check_settlement(values.get("as_of_settlement"), lake.snapshot)
        _check_tags(asked, values, lake, settings)
        _write(asked, lake, args.format, out)
    return 0


def _plans_for(name: str, settings: Settings, said: Dimensions) -> Plans:
    """What files say of it; of those that it cannot do without it is said that there are none."""
    from warehouse.planning import REPORTS, read_plans

    settle = settings.settle
    if name not in REPORTS:
        return read_plans("")
    for report, file, what in ((BUDGETS, settle.budgets, "budgets"), (SLO, settle.slos, "slos")):
        if name == report and not file:
            print(f"settle.{what} names no file: there are no {what}", file=sys.stderr)
    if name == SLO:
        return read_plans("", slos=settle.slos)
    return read_plans(settle.budgets, said.levels)


def _check_settlement(number: object, snapshot: WarehouseSnapshot) -> None:
    """What nobody settled yet has said nothing."""
    from warehouse.errors import BadQuestion
    from warehouse.reader import ALL

    if not isinstance(number, int):
        return
    last = max(snapshot.ask("settlements", ALL, limit=1)["settlement"].to_pylist(), default=0)
    if number > last:
        raise BadQuestion(f"--as-of-settlement {number}: the last settlement is {last or 'not there yet'}")


def _check_tags(asked: Asked, values: Mapping[str, Value], lake: Asking, settings: Settings) -> None:
    """What no call can be told apart by is refused; entries of the files that the report is made by are warned of."""
    from spanledger.tags import check_tags, warn_of_tags
    from warehouse.allocation import Dimensions
    from warehouse.reader import is_whole

    kept = settings.worker.tags
    check_tags(asked.question, values, asked.scope, lake.snapshot, kept)
    if is_whole(asked.scope):
        shared = lake.said if asked.question.name == CHARGEBACK else Dimensions(levels=lake.said.levels)
        warn_of_tags(shared, lake.plans, lake.snapshot, kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One snapshot, what files say of dimensions and plans, and the files of fonts to print with."""

    snapshot: WarehouseSnapshot
    said: Dimensions
    plans: Plans
    fonts: tuple[str, ...]

    def answer(self, asked: Asked, params: dict[str, str]) -> pa.Table:
        """The answer to a question; some are reckoned from what the lake says."""
        from warehouse.allocation import charge_back
        from warehouse.experiments import NAME as EXPERIMENT
        from warehouse.experiments import compare
        from warehouse.planning import REPORTS

        name, scope = asked.question.name, asked.scope
        if name == CHARGEBACK:
            return charge_back(self.snapshot, scope, self.said, **params)
        if name == EXPERIMENT:
            return compare(self.snapshot, scope, **params)
        if name in REPORTS:
            return REPORTS[name](self.snapshot, scope, self.plans, **params)
        return self.snapshot.ask(name, scope, **params)


def _write(asked: Asked, lake: Asking, kind: str, out: Out) -> None:
    from spanledger.answers import write_answer
    from spanledger.hints import why_empty

    answer, snapshot = lake.answer(asked, asked.params), lake.snapshot
    if not answer.num_rows and asked.question.name not in (BUDGETS, SLO):
        values = asked.question.parse(asked.params, _flag)
        if hint := why_empty(asked.question, values, asked.scope, snapshot.snapshot):
            print(hint, file=sys.stderr)
    if kind == "table":
        _print_table(asked, answer, lake, out)
    elif kind in STATEMENTS:
        from spanledger.statement_pdf import write_pdf
        from spanledger.statements import statements_of, write_markdown

        statements = statements_of(answer, asked.keys()[0])
        if kind == "pdf":
            if lacking := write_pdf(statements, out.binary, taken_at=snapshot.taken_at, fonts=lake.fonts):
                print(f"warning: {lacking}", file=sys.stderr)
        else:
            write_markdown(statements, out.text, taken_at=snapshot.taken_at)
    else:
        write_answer(answer, out, kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with what was asked along with it."""

    question: Question
    scope: Scope
    params: dict[str, str]

    def keys(self) -> list[str]:
        """Columns that the answer is grouped by."""
        return list(self.question.keys(self.question.parse(self.params)))

    def in_total(self) -> dict[str, str]:
        """The same parameters, grouped by nothing."""
        grouping = [parameter.name for parameter in self.question.takes if parameter.kind in ("bucket", "dimensions")]
        return self.params | dict.fromkeys(grouping, "")


def _list_questions() -> None:
    from warehouse.questions import load_question, question_names

    wide = max(map(len, question_names())) + 2
    for question in map(load_question, question_names()):
        print(f"{question.name:{wide}}{question.summary}")
        for parameter in question.offered:
            default = f" (default: {parameter.default})" if parameter.default else ""
            flag = _flag(parameter.name) + "=" * (parameter.name not in FLAGS)
            print(f"{'':{wide}}{flag:20}{parameter.help}{default}")


def _flag(parameter: str) -> str:
    """A parameter as it is written on the command line."""
    return FLAGS.get(parameter, f"--param {parameter}")


def _parameters(args: argparse.Namespace, question: Question, settings: Settings) -> dict[str, str]:
    """What is asked along with the question; what the settings know of it is said first."""
    from warehouse.errors import BadQuestion

    known = {"review_usd_per_hour": f"{Decimal(str(settings.settle.review_usd_per_hour)):f}"}
    given = {one.name: known[one.name] for one in question.takes if one.name in known}
    given |= {name: getattr(args, name) for name in FLAGS if getattr(args, name) is not None}
    for text in args.param:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadQuestion(f"--param {text!r} must be NAME=VALUE")
        given[name] = value
    return given


def _add_up(lines: pa.Table, names: Sequence[str]) -> pa.Table:
    """The sums of what is known in some columns, in one row."""
    measures = lines.select(names)
    sums = {name: sum(value or 0 for value in measures[name].to_pylist()) for name in names}
    return measures.from_pylist([sums], schema=measures.schema)


def _total(asked: Asked, answer: pa.Table, lake: Asking) -> pa.Table | None:
    """The last line of a table: asked of the same snapshot, so that shares and percentiles are right.

    Shares of costs are in no table of the lake, and parts of a difference are those of the groups: they are added up.
    """
    from spanledger.statements import SUMS
    from warehouse.planning.variance import AMOUNTS, COUNTS
    from warehouse.questions.kinds import DIMENSION as TOKEN_KIND

    adds: dict[str, Sequence[str]] = {CHARGEBACK: SUMS, "variance": (*AMOUNTS, *COUNTS)}
    if asked.question.name in adds:
        names = adds[asked.question.name]
        if TOKEN_KIND in answer.column_names:  # calls count with each kind that they have
            names = [name for name in names if not name.endswith("calls")]
        return _add_up(answer, names)
    total = lake.answer(asked, asked.in_total())
    return total if total.num_rows == 1 else None


def _print_table(asked: Asked, answer: pa.Table, lake: Asking, out: Out) -> None:
    """The answer for people."""
    from spanledger.answers import write_table

    grouped = asked.keys()
    keys = [name for name in grouped if name in answer.column_names]
    measures = asked.question.table or [name for name in answer.column_names if name not in keys]
    columns = keys + [name for name in measures if name in answer.column_names]
    total = _total(asked, answer, lake) if keys and answer.num_rows > 1 else None
    write_table(answer, out.text, columns=columns, total=total)
    hidden = len(answer.column_names) - len(columns)
    notes = [
        f"{answer.num_rows} row{'s' * (answer.num_rows != 1)}, snapshot of {lake.snapshot.taken_at:%Y-%m-%d %H:%M:%S}Z"
    ]
    if "provisional" in answer.column_names and True in answer["provisional"].to_pylist():
        notes.append("provisional")
    notes += [f"{hidden} more columns with --format json, csv or parquet"] * (hidden > 0)
    print("; ".join(notes), file=sys.stderr)
