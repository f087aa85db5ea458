"""A worker does not start with a price book whose used entries were changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerts.settings import AlertSettings
from ingest.settings import KafkaSettings
from processors.pricing.book import PriceBook
from processors.pricing.errors import BadPriceBook
from processors.pricing.start import hold_book
from processors.run import run_worker
from processors.settings import WorkerSettings
from tests.warehouse.samples import APP, rows, span, stretch
from warehouse.lake import Flush, Lake
from warehouse.settings import LakeSettings

FIRST = "[[price]]\nmodel = 'a'\nfrom = 2026-01-01\ndiscount_percent = 10\n"
SECOND = "[[price]]\nmodel = 'a'\nfrom = 2026-02-01\ndiscount_percent = 20\n"
THIRD = "[[price]]\nmodel = 'b'\nfrom = 2026-12-01\ngpu = true\n"


def book(tmp_path: Path, text: str) -> str:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    return str(file)


def lake_of(tmp_path: Path, *versions: str) -> LakeSettings:
    """A lake of calls that these versions priced, one each."""
    settings = LakeSettings(url=str(tmp_path / "lake"))
    spans = [span(number, price_version=version) for number, version in enumerate(versions)]
    Lake.open(settings).commit(Flush(ranges=(stretch(0, len(spans)),), tables={"spans": {APP: rows("spans", *spans)}}))
    return settings


def version(tmp_path: Path, text: str) -> str:
    return PriceBook.from_settings({}, book(tmp_path, text)).version


def start(tmp_path: Path, file: str | None, lake: LakeSettings, **worker: Any) -> int:
    """Start a worker where no broker is: what is said about the book is said before it is asked for."""
    return run_worker(
        kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
        worker=WorkerSettings(price_book=file, **worker),
        lake=lake,
        alerts=AlertSettings(enabled=False),
        data=tmp_path / "data",
        metrics_port=0,
    )


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        (FIRST.replace("10", "11") + SECOND, "from its first entry on"),
        (FIRST + SECOND.replace("20", "25"), "the first 1 of its entries stand"),
        (FIRST + THIRD + SECOND, "the first 1 of its entries stand"),
        (FIRST, "the first 1 of its entries stand"),
        (SECOND, "from its first entry on"),
        ("", "from its first entry on"),
    ],
    ids=["first changed", "second changed", "put in between", "second removed", "first removed", "emptied"],
)
def test_a_worker_does_not_start_with_a_book_whose_used_entries_changed_and_says_what_to_do(
    text: str, stands: str, tmp_path: Path
):
    used = [version(tmp_path, FIRST), version(tmp_path, FIRST + SECOND), version(tmp_path, FIRST + SECOND)]
    lake = lake_of(tmp_path, *used)
    file = book(tmp_path, text)

    with pytest.raises(BadPriceBook) as refused:
        start(tmp_path, file, lake)

    said = str(refused.value)
    assert said.startswith(f"price book {file}: ")
    assert stands in said
    assert "restore what was changed, removed or put in between, and append" in said
    assert used[1] in said
    assert "\n" not in said


def test_a_worker_does_not_start_without_the_book_that_was_used(tmp_path: Path):
    lake = lake_of(tmp_path, version(tmp_path, FIRST))

    with pytest.raises(BadPriceBook, match=r"worker\.price_book is not set: 1 calls"):
        start(tmp_path, None, lake)


def test_a_book_that_was_appended_to_starts_also_where_a_row_has_the_price_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    lake = lake_of(tmp_path, version(tmp_path, FIRST), version(tmp_path, FIRST) + "+request_model")

    with caplog.at_level(logging.WARNING, "spanledger.worker"):
        hold_book(book(tmp_path, "# signed\n" + FIRST.replace("10", "10.0") + THIRD), lake)

    assert caplog.messages == []


def test_what_is_no_change_of_the_book_is_told_and_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    lake = lake_of(tmp_path, "genai-prices/99.0", "guesswork", version(tmp_path, FIRST))

    with caplog.at_level(logging.WARNING, "spanledger.worker"):
        hold_book(book(tmp_path, FIRST + SECOND), lake)

    assert any("install 99.0" in one for one in caplog.messages)
    assert any("guesswork" in one for one in caplog.messages)
    assert any("entry 2" in one for one in caplog.messages)


def test_a_lake_that_is_not_there_yet_has_used_nothing(tmp_path: Path):
    hold_book(book(tmp_path, FIRST), LakeSettings(url=str(tmp_path / "none")))

    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"no parquet")], ids=["gone", "cut"])
def test_a_lake_with_a_damaged_file_is_told_and_stops_nobody(
    damage: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    lake = lake_of(tmp_path, version(tmp_path, FIRST))
    for file in (tmp_path / "lake" / "spans").rglob("*.parquet"):
        damage(file)

    with caplog.at_level(logging.WARNING, "spanledger.worker"):
        hold_book(book(tmp_path, FIRST), lake)

    assert any("not held to what was used" in one for one in caplog.messages)


BEFORE = {"Acme": ("049f46f1", "5a5c5858"), "0042": ("bcbcb0e1", "95ade862")}
"""Tenant -> the names that the first versions gave a book of two entries, after each."""


@pytest.mark.parametrize("tenant", BEFORE)
def test_a_book_is_known_by_the_names_that_versions_before_gave_it(
    tenant: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    first = f"[[price]]\nmodel = 'gpt-4o'\nprovider = 'openai'\ntenant = '{tenant}'\nfrom = 2026-01-01\n"
    text = f"{first}discount_percent = 5\n\n[[price]]\nmodel = 'gpt-4o'\nfrom = 2026-02-01\ndiscount_percent = '6.50'\n"
    lake = lake_of(tmp_path, *(f"genai-prices/0.0.1+book/{name}" for name in BEFORE[tenant]))

    hold_book(book(tmp_path, text), lake)

    assert caplog.text.count("an earlier version named these entries so") == 2
    with pytest.raises(BadPriceBook, match="from its first entry on"):
        hold_book(book(tmp_path, text.replace("discount_percent = 5", "discount_percent = 7")), lake)
