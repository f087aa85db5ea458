"""Bills on their way in, and what the command line says of them."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dashboards.bills import MEANINGS, both_sides, causes, hold, options_of, take_in
from dashboards.errors import VerbFailed
from dashboards.screens.invoice import said_html
from dashboards.verbs import file_of, run_verb
from tests.warehouse.billing import Books, billed, call, charges
from tests.warehouse.settling import World
from warehouse.invoices.causes import CAUSES

ECHO = (sys.executable, "-c", "import sys; print(*sys.argv[1:], file=sys.stderr); sys.exit(1)")
DAY = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class File:
    """A file that somebody has chosen."""

    name: str

    def getvalue(self) -> bytes:
        """Its content."""
        return b"day,cost\n"


def test_every_cause_has_a_meaning():
    assert set(MEANINGS) == set(CAUSES)


def test_what_a_form_says_can_be_no_flag_of_its_own():
    assert options_of(" --out=/etc/passwd", "add", "EUR=1.08, GBP=1.3") == [
        "--provider=--out=/etc/passwd",
        "--overlap=add",
        "--rate=EUR=1.08",
        "--rate=GBP=1.3",
    ]
    assert options_of("", "refuse", "") == ["--overlap=refuse"]


def test_a_file_is_called_as_its_owner_calls_it_and_stays_in_its_folder():
    said = take_in(ECHO, [File("november.csv"), File("../../november.csv"), File("..")], ["--overlap=add"])

    assert said.code == 1
    assert said.lines == ("reconcile november.csv november.csv bill --overlap=add --format=json",)


def test_without_a_command_nothing_runs():
    with pytest.raises(VerbFailed, match="spanledger dashboard"):
        run_verb((), "reconcile")


@pytest.mark.long
def test_accounts_that_are_compared_together_are_warned_of_in_the_words_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    Books(World(tmp_path)).fill([call(f"s{number}") for number in range(2)])
    bill = billed(
        charges([call(name, provider_account=name) for name in ("proj_a", "<proj_b>")]), tmp_path / "bill.csv"
    )
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "lake"))
    command = (sys.executable, "-m", "spanledger")

    said = run_verb(command, "reconcile", str(bill), "--format=json").lines
    compared = hold(command)

    warning = next(line for line in said if "compared together" in line)
    assert compared.agrees
    assert warning in compared.notes
    assert said_html(compared.notes).startswith(
        '<ul class="sl-said"><li><span class="sl-badge warn" title="">warning</span> openai: accounts are compared '
        "together: 2 of 2 calls of ours name none; the bill has &lt;proj_b&gt;, proj_a."
    )


def test_a_verb_that_writes_no_file_says_why():
    with pytest.raises(VerbFailed, match="export --out"):
        file_of(ECHO, "export", suffix="csv")


def test_both_sides_of_a_day_add_up_over_providers_and_an_unknown_side_is_none():
    def row(provider: str, ours: str, theirs: str | None) -> dict[str, Any]:
        return {
            "day": DAY,
            "provider": provider,
            "ours_usd": Decimal(ours),
            "theirs_usd": Decimal(theirs) if theirs else None,
        }

    assert both_sides([row("a", "1", "2"), row("b", "3", None)]) == [
        {"bucket": DAY, "ours_usd": Decimal(4), "theirs_usd": Decimal(2)}
    ]
    assert both_sides([row("a", "1", None)])[0]["theirs_usd"] is None


def test_causes_are_told_in_words():
    row = {"causes": ["price_mismatch"], "price_mismatch_usd": Decimal(1)}

    assert causes(row) == [{"cause": "price mismatch", "what": "the same tokens at another price", "usd": Decimal(1)}]
