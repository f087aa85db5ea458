"""Ask the lake a question; without a name, list the questions.

    spanledger report
    spanledger report spend --by tenant,feature --from 2026-03-01 --to 2026-04-01
    spanledger report spend --by model --bucket day --tenant acme --format csv
    spanledger report calls --param limit=20 --format json

--from and --to are UTC dates or RFC 3339 times, --to is not included. --tenant may be given several times and limits
what the question sees; `unattributed` names the calls without a tenant. JSON and CSV hold every column, exact money as
decimal text; the table leaves out empty columns and rounds.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from spanledger.settings import Settings
    from warehouse.questions import Question
    from warehouse.reader import Scope, WarehouseSnapshot


FLAGS = {"start": "--from", "end": "--to", "by": "--by", "bucket": "--bucket"}
"""Parameters that have a flag of their own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the verb."""
    parser.add_argument("question", nargs="?", metavar="NAME", help="the question; none = list all")
    parser.add_argument("--by", metavar="DIM,…", help="dimensions to group by; '' = in one row")
    parser.add_argument("--bucket", choices=("minute", "hour", "day"), help="over time instead of in total")
    parser.add_argument("--from", dest="start", metavar="TIME", help="first instant")
    parser.add_argument("--to", dest="end", metavar="TIME", help="first instant after")
    parser.add_argument("--tenant", action="append", metavar="TENANT", help="only this tenant; may be repeated")
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="any other parameter")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help="default: table")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print one answer; 0 whatever it says."""
    from spanledger.answers import scope_of, write_csv, write_json
    from warehouse.questions import load_question
    from warehouse.reader import Warehouse

    if args.question is None:
        _list_questions()
        return 0
    asked = Asked(question=load_question(args.question), scope=scope_of(args.tenant), params=_parameters(args))
    asked.question.parse(asked.params, _flag)
    snapshot = Warehouse(settings.lake).snapshot()
    answer = snapshot.ask(asked.question.name, asked.scope, **asked.params)
    if args.format == "table":
        _print_table(asked, answer, snapshot)
    else:
        {"json": write_json, "csv": write_csv}[args.format](answer, sys.stdout)
    return 0


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

    for question in map(load_question, question_names()):
        print(f"{question.name:16}{question.summary}")
        for parameter in question.takes:
            default = f" (default: {parameter.default})" if parameter.default else ""
            flag = _flag(parameter.name) + "=" * (parameter.name not in FLAGS)
            print(f"{'':16}  {flag:18}{parameter.help}{default}")


def _flag(parameter: str) -> str:
    """A parameter as it is written on the command line."""
    return FLAGS.get(parameter, f"--param {parameter}")


def _parameters(args: argparse.Namespace) -> dict[str, str]:
    from warehouse.errors import BadQuestion

    given = {name: getattr(args, name) for name in FLAGS if getattr(args, name) is not None}
    for text in args.param:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadQuestion(f"--param {text!r} must be NAME=VALUE")
        given[name] = value
    return given


def _print_table(asked: Asked, answer: pa.Table, snapshot: WarehouseSnapshot) -> None:
    """The answer for people; the total is asked of the same snapshot, so that shares and percentiles are right."""
    from spanledger.answers import write_table

    keys = asked.keys()
    columns = keys + list(asked.question.table or (name for name in answer.column_names if name not in keys))
    grouped = bool(keys) and answer.num_rows > 1
    total = snapshot.ask(asked.question.name, asked.scope, **asked.in_total()) if grouped else None
    write_table(answer, sys.stdout, columns=columns, total=total if total is not None and total.num_rows == 1 else None)
    hidden = len(answer.column_names) - len(columns)
    notes = [f"{answer.num_rows} row{'s' * (answer.num_rows != 1)}, snapshot of {snapshot.taken_at:%Y-%m-%d %H:%M:%S}Z"]
    notes += ["provisional"] * ("provisional" in answer.column_names)
    notes += [f"{hidden} more columns with --format json or csv"] * (hidden > 0)
    print("; ".join(notes), file=sys.stderr)
