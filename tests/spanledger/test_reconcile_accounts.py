"""``spanledger reconcile`` and accounts: what is told apart, and what is said where nothing is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from spanledger.__main__ import main
from tests.processors.flushes import row_of
from tests.processors.otlp import request, span
from tests.warehouse.billing import Books, billed, call, charges
from tests.warehouse.settling import World


def _projects(tmp_path: Path, accounts: list[str | None], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Books of two calls a project, whose name spans have told; the bill has one of a project and three of another."""
    _fill(tmp_path, accounts, monkeypatch)
    return _sold(tmp_path / "projects.csv", ["proj_a", "proj_b", "proj_b", "proj_b"])


def _fill(tmp_path: Path, accounts: Sequence[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    Books(World(tmp_path / "projects")).fill(
        [call(f"{account}-{n}", provider_account=account) for account in accounts for n in range(2)]
    )
    monkeypatch.setenv("SPANLEDGER_LAKE", str(tmp_path / "projects" / "lake"))


def _sold(file: Path, accounts: Sequence[str | None], *, costs: bool = True, counts: bool = True) -> Path:
    """A bill of a call of each of these accounts."""
    sold = [call(f"{n}", provider_account=account) for n, account in enumerate(accounts)]
    return billed(charges(sold), file, costs=costs, counts=counts)


def test_what_one_project_lacks_and_another_has_too_many_is_found_where_spans_name_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    told = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    sent = {name: request(span(told), resource={"openai.project.id": name}) for name in ("proj_a", "proj_b")}
    accounts = [row["provider_account"] for row in row_of(sent).values()]

    assert (
        main(["reconcile", str(_projects(tmp_path, accounts, monkeypatch)), "--by", "account", "--format", "json"]) == 0
    )

    said = capsys.readouterr()
    causes = {row["account"]: row["causes"] for row in json.loads(said.out)}
    assert causes == {"proj_a": ["extra_traffic"], "proj_b": ["missing_traffic"]}
    assert "compared together" not in said.err


@pytest.mark.parametrize(
    ("accounts", "why"),
    [
        ([None, "proj_a"], "2 of 4 calls of ours name none"),
        (["org_1", "org_2"], "ours are org_1, org_2, and none of them is on the bill"),
    ],
)
def test_accounts_that_are_compared_together_are_never_said_to_agree_without_a_word(
    accounts: list[str | None],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    assert main(["reconcile", str(_projects(tmp_path, accounts, monkeypatch))]) == 0

    said = capsys.readouterr().err
    assert f"warning: openai: accounts are compared together: {why}; the bill has proj_a, proj_b." in said
    assert "spanledger.provider.account" in said


_TOLD, _BARE = ("proj_a", "proj_b", "proj_b", "proj_b"), (None,) * 4


@pytest.mark.long
@pytest.mark.parametrize(
    ("accounts", "why"),
    [
        (
            (_TOLD, _BARE),
            "counts of tokens of the bill name none (of gpt-4o, 2026-11-20); the bill has proj_a, proj_b.",
        ),
        ((_TOLD, (*_TOLD[:3], None)), "counts of tokens of the bill name none (of gpt-4o, 2026-11-20); the bill has"),
        ((_BARE, _TOLD), "costs of the bill name none (of gpt-4o, 2026-11-20); the bill has proj_a, proj_b."),
        ((_BARE, _BARE), "2026-11-20); the bill has no accounts, our calls proj_a, proj_b."),
    ],
    ids=["counts without", "one count without", "costs without", "nothing names one"],
)
def test_a_line_without_an_account_is_said_to_make_all_of_them_compared_together(
    accounts: tuple[Sequence[str | None], Sequence[str | None]],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    _fill(tmp_path, ["proj_a", "proj_b"], monkeypatch)
    files = [
        _sold(tmp_path / "costs.csv", accounts[0], counts=False),
        _sold(tmp_path / "counts.csv", accounts[1], costs=False),
    ]

    assert main(["reconcile", *map(str, files)]) == 0

    said = capsys.readouterr().err
    assert "warning: openai: accounts are compared together: " in said
    assert why in said
    assert "group costs and usage by project" in said


@pytest.mark.parametrize("account", ["proj_a", None])
def test_one_account_on_both_sides_or_on_one_is_nothing_to_warn_of(
    account: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    _fill(tmp_path, ["proj_a"], monkeypatch)

    assert main(["reconcile", str(_sold(tmp_path / "b.csv", [account] * 2))]) == 0

    assert "compared together" not in capsys.readouterr().err
