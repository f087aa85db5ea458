"""Exported files pass focus-validator 2.2.1, in an environment of its own, but for one rule that nothing can pass."""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from tests.warehouse.exporting import DECEMBER, NOVEMBER, every_kind, export

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).resolve().parents[1] / "focus-validator.sh"
FOLDER = Path(
    os.environ.get("SPANLEDGER_TEST_FOCUS_VALIDATOR", "") or Path.home() / ".cache" / "spanledger-focus-validator"
)
CONTRADICTORY = {"InvoiceId-C-005-C"}
"""``InvoiceId-C-004-C`` wants NULL in all rows, this one in none."""
MET = ",".join(
    f"{name}_SUPPORTED"
    for name in (
        *("ACCOUNT_NAMING", "MULTIPLE_PRICING_CATEGORIES", "NEGOTIATED_PRICING", "PUBLIC_PRICE_LIST", "SUB_ACCOUNT"),
        *("TAGGING", "UNIT_PRICING", "USAGE_MEASUREMENT"),
    )
)
"""What a month is judged by beside the rules without criteria."""
Verdict = Callable[..., tuple[set[str], int]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two months as CSV and as Parquet, with every kind of row; the second with corrections of the first."""
    directory = tmp_path_factory.mktemp("focus")
    world = every_kind(directory)
    made = {}
    for month, kind in product((NOVEMBER, DECEMBER), ("csv", "parquet")):
        file = directory / f"{month:%B}.{kind}"
        export(world, month, file)
        made[file.name] = file
    return made


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """Rules that a file fails, or that could not be tried, and how many it passes."""
    made = subprocess.run(["sh", SCRIPT, FOLDER], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.fail(made.stderr)
    packages = next(FOLDER.glob("lib/python3.12/site-packages"))
    report = tmp_path_factory.mktemp("validator") / "report.xml"

    def judge(file: Path, *asked: str) -> tuple[set[str], int]:
        words = ["--data-file", file, "--block-download", "--output-type", "unittest", "--output-destination", report]
        report.unlink(missing_ok=True)
        ran = subprocess.run(
            [FOLDER / "bin" / "python", "-m", "focus_validator.main", *words, *asked],
            cwd=packages, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert report.exists(), ran.stderr[-2000:]
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - we had it written
        bad = {case.attrib["name"].split(" ")[0] for case in cases if {one.tag for one in case} & {"failure", "error"}}
        return bad, sum(not list(case) for case in cases)

    return judge


@pytest.mark.parametrize("name", ["November.csv", "November.parquet", "December.csv", "December.parquet"])
def test_a_month_passes_by_all_rules_and_criteria_that_are_met(verdict: Verdict, files: dict[str, Path], name: str):
    failed, passed = verdict(files[name], "--applicability-criteria", MET)

    assert failed == CONTRADICTORY
    assert passed > 200


def test_the_validator_notices_what_is_wrong(verdict: Verdict, files: dict[str, Path], tmp_path: Path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(files["November.csv"].read_text("utf-8").replace("AI and Machine Learning", "Magic"), "utf-8")

    failed, _ = verdict(wrong, "--filter-rules", "ServiceCategory")

    assert "ServiceCategory-C-003-M" in failed
