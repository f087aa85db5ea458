"""Fixtures of the flows on real parts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.settings import KafkaSettings
from tests.flows.deployment import Deployment


@pytest.fixture
def deployment(kafka_settings: KafkaSettings, tmp_path: Path) -> Iterator[Deployment]:
    """Fresh topics and a fresh lake on the session's broker; its workers are ended after the test."""
    made = Deployment(kafka_settings, tmp_path)
    yield made
    made.stop()
