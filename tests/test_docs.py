"""The documentation does not rot: commands, settings and metrics stand in the README, every link leads somewhere."""

import re
from pathlib import Path

import pytest

from alerts import metrics as alert_metrics
from ingest.gateway import metrics as gateway_metrics
from processors import metrics as worker_metrics
from spanledger.__main__ import VERBS, main
from spanledger.settings import Described, describe
from tests.verbs import say

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTRUMENTS = [
    *worker_metrics.INSTRUMENTS,
    *gateway_metrics.METRICS,
    *alert_metrics.INSTRUMENTS,
]


@pytest.mark.parametrize("setting", describe(), ids=lambda row: row.name)
def test_the_readme_lists_the_setting_with_its_variable_default_and_meaning(setting: Described):
    default = f"`{setting.default}`" if setting.default else ""
    row = f"| `{setting.name}` | `{setting.variable}` | {default} | {setting.help} |"

    assert row in README


@pytest.mark.parametrize("metric", INSTRUMENTS, ids=lambda row: row.name)
def test_the_readme_lists_the_metric_with_its_kind_unit_and_meaning(metric: worker_metrics.Instrument):
    assert f"| `{metric.name}` | {metric.kind} | {metric.unit} | {metric.help} |" in README


@pytest.mark.parametrize("verb", VERBS)
def test_the_readme_lists_the_command_and_its_help_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.count(f"spanledger {verb}") >= 2  # the usage line, and an example
    assert f"| `spanledger {verb}" in README


@pytest.mark.parametrize("page", sorted(p.relative_to(ROOT) for p in ROOT.glob("*.md")), ids=str)
def test_every_local_link_leads_somewhere(page: Path):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))

    assert [target for target in targets if not (ROOT / page.parent / target).exists()] == []


def _reports() -> list[str]:
    """The reports that runbooks say to ask, with something in the place of each ``…``."""
    pages = sorted((ROOT / "docs/runbooks").glob("*.md"))
    found = [
        one for page in pages for one in re.findall(r"`spanledger (report\s[^`]+)`", page.read_text(encoding="utf-8"))
    ]
    return sorted({" ".join(one.split()).replace("--from …", "--from 2026-11-01").replace("…", "x") for one in found})


@pytest.mark.parametrize("words", _reports())
def test_a_report_that_a_runbook_names_is_understood(words: str, tmp_path: Path):
    said = say(*words.split(), variables={"SPANLEDGER_LAKE": str(tmp_path / "lake")})

    assert "there is no lake" in said.err
