"""Only jars that agree with the lock file run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ingest.broker import LocalBroker
from ingest.broker.jars import Jar, locked_jars, parse_lock, ready_jars
from ingest.broker.ports import free_port
from ingest.errors import JarRefused
from ingest.settings import BrokerSettings
from tests.kafka import jars_cache

NOWHERE = Jar(group="org.example.spanledger", artifact="nowhere", version="0", sha256="0" * 64)


def unheard(_line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A copy of the machine's jars that a test may spoil."""
    spoilt = tmp_path / "jars"
    spoilt.mkdir()
    for jar in ready_jars(locked_jars(), jars_cache(), unheard):
        shutil.copy2(jar, spoilt)
    return spoilt


def test_the_lock_lists_all_46_jars_of_one_kafka_version() -> None:
    jars = locked_jars()

    assert len({jar.file_name for jar in jars}) == len(jars) == 46
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {"4.3.1"}


def test_a_lock_line_without_a_hash_is_refused_by_name() -> None:
    with pytest.raises(JarRefused, match=r"jar org\.slf4j:slf4j-api:1 has no sha256"):
        parse_lock("# comment\n\norg.slf4j:slf4j-api:1\n")


@pytest.mark.long
def test_a_changed_jar_refuses_the_start_and_is_named(tmp_path: Path, cache: Path) -> None:
    changed = cache / "slf4j-api-1.7.36.jar"
    changed.write_bytes(changed.read_bytes() + b"\0")
    broker = LocalBroker(BrokerSettings(port=0), tmp_path / "broker", cache)

    with pytest.raises(JarRefused, match=r"jar org\.slf4j:slf4j-api:1\.7\.36 has sha256 .*, the lock file says "):
        broker.start()

    assert broker.pid is None
    assert not (tmp_path / "broker").exists()


@pytest.mark.long
def test_later_starts_need_no_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")

    paths = ready_jars(locked_jars(), cache, unheard)

    assert [path.name for path in paths] == [jar.file_name for jar in locked_jars()]


def test_a_missing_jar_is_fetched_and_everything_else_stays(cache: Path) -> None:
    missing = cache / "jspecify-1.0.0.jar"
    missing.unlink()
    kept = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    lines: list[str] = []

    ready_jars(locked_jars(), cache, lines.append)

    assert missing.exists()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert lines == [f"jars: fetching 1 of 46 from Maven Central into {cache}", "jars: 46 agree with the lock file"]


def test_without_a_network_the_missing_jar_is_named_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")  # nobody listens there

    with pytest.raises(JarRefused, match=r"jar org\.example\.spanledger:nowhere:0 is missing and cannot be fetched"):
        ready_jars([NOWHERE], tmp_path / "jars", unheard)

    assert list((tmp_path / "jars").iterdir()) == []


def test_a_fetched_jar_with_another_hash_does_not_enter_the_cache(tmp_path: Path) -> None:
    real = next(jar for jar in locked_jars() if jar.artifact == "jspecify")
    other = Jar(group=real.group, artifact=real.artifact, version=real.version, sha256="0" * 64)

    with pytest.raises(JarRefused, match="Maven Central gave it so"):
        ready_jars([other], tmp_path / "jars", unheard)

    assert list((tmp_path / "jars").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jars").write_text("a file stands where the folder should")

    with pytest.raises(JarRefused, match="jars cannot be kept in"):
        ready_jars([NOWHERE], tmp_path / "jars", unheard)
