"""Every signal says what to do, and has a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.advice import ADVICE, advise
from alerts.budgets import SEVERITY
from alerts.health.table import HEALTH
from alerts.judge import DETECTED

ROOT = Path(__file__).parents[2]


def test_every_signal_has_advice() -> None:
    assert set(ADVICE) == {*DETECTED, *SEVERITY, *HEALTH}


@pytest.mark.parametrize("signal", ADVICE)
def test_its_page_is_there_and_names_it(signal: str) -> None:
    page = (ROOT / advise(signal)["runbook"]).read_text(encoding="utf-8")

    assert signal in page.splitlines()[0]


@pytest.mark.parametrize("page", sorted((ROOT / "docs/runbooks").glob("*.md")), ids=lambda page: page.stem)
def test_its_commands_ask_questions_that_there_are(page: Path) -> None:
    asked = re.findall(r"spanledger report\s+([\w-]+)(?:\s+--by ([\w,]+))?", page.read_text(encoding="utf-8"))

    for name, by in asked:
        question = (ROOT / "warehouse/questions" / f"{name}.sql").read_text(encoding="utf-8")
        assert not by or "-- takes by:" in question
