"""A worker that runs takes what is appended to its price book; where anything else was done to it, prices stay."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from processors.engine import Engine
from processors.flush import Flusher
from processors.metrics import WorkerMetrics
from processors.pricing.book import PriceBook
from processors.pricing.current import AT_REST_S, CurrentBook
from processors.settings import WorkerSettings
from tests.processors.test_flush import Bench, MemorySink, MemoryStreams, message
from tests.warehouse.fresh import open_lake
from warehouse.settings import LakeSettings

FIRST = "[[price]]\nmodel = 'gpt*'\nfrom = 2026-01-01\ndiscount_percent = 10\n"
SECOND = "[[price]]\nmodel = 'gpt*'\nfrom = 2026-02-01\ndiscount_percent = 20\n"


class Clock:
    """A time that tests set, of files too: each write is at the time of now."""

    def __init__(self, file: Path) -> None:
        self.file, self.now = file, 1_000_000.0

    def write(self, text: str) -> None:
        self.file.write_text(text)
        os.utime(self.file, (self.now, self.now))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    made = Clock(tmp_path / "prices.toml")
    made.write(FIRST)
    return made


def test_what_is_appended_holds_once_the_file_is_at_rest(clock: Clock, caplog: pytest.LogCaptureFixture):
    book = CurrentBook({}, str(clock.file), now=clock)
    before = book()
    clock.now += 60
    clock.write(FIRST + SECOND)

    halfway = book()
    clock.now += AT_REST_S
    with caplog.at_level(logging.INFO, "spanledger.worker"):
        after = book()

    assert halfway is before
    assert after.version == PriceBook.from_settings({}, str(clock.file)).version != before.version
    assert after.version in caplog.text
    assert book() is after


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda clock: clock.write(FIRST.replace("10", "11") + SECOND), "does not begin with its 1 entries of before"),
        (lambda clock: clock.write(""), "does not begin with its 1 entries of before"),
        (lambda clock: clock.write("[[price]]\nmodel"), "is not TOML"),
    ],
    ids=["changed", "emptied", "broken"],
)
def test_what_is_no_appending_is_told_once_and_changes_no_price(
    spoil: Callable[[Clock], None], said: str, clock: Clock, caplog: pytest.LogCaptureFixture
):
    book = CurrentBook({}, str(clock.file), now=clock)
    before = book()
    clock.now += 60
    spoil(clock)
    clock.now += 60

    assert [book(), book()] == [before, before]
    assert len(caplog.messages) == 1
    assert said in caplog.text

    clock.write(FIRST + SECOND)
    clock.now += 60
    assert book().version != before.version


def test_a_file_that_is_gone_or_a_book_that_never_was_changes_nothing(clock: Clock):
    book, none = CurrentBook({}, str(clock.file), now=clock), CurrentBook({})
    before = book()
    clock.file.unlink()

    assert book() is before
    assert none().version == PriceBook().version


def test_rows_that_are_flushed_after_the_file_was_changed_say_so(tmp_path: Path, clock: Clock):
    settings = WorkerSettings(price_book=str(clock.file))
    book = CurrentBook(settings.prices, settings.price_book, now=clock)
    lake, sink, streams = LakeSettings(url=str(tmp_path / "lake")), MemorySink(), MemoryStreams()
    flusher = Flusher(
        lake=open_lake(lake),
        engine=Engine.of(settings, user_key=b"k" * 32),
        sink=sink,
        streams=streams,
        worker="test",
        metrics=WorkerMetrics(),
        current=lambda engine: replace(engine, book=book()),
    )
    bench = Bench(flusher, sink, streams, lake)
    bench.flush(message(0))
    clock.now += 60
    clock.write(FIRST + SECOND)
    clock.now += 60

    bench.flush(message(1))

    versions = {row["price_version"] for row in bench.ask("price_versions")}
    assert len(versions) == 2
    assert book().version in versions
