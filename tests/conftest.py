"""Fixtures that every test may take, and the warnings of others that we cannot mend."""

import pytest

pytest_plugins = ["tests.kafka"]

WARNINGS_OF_OTHERS = [
    "ignore:(read|open)_text is deprecated:DeprecationWarning",  # kafka-python's way to its schemas, on Python 3.11
]


def pytest_configure(config: pytest.Config) -> None:
    """Let through what others' code warns of; all else is an error (pyproject.toml)."""
    for line in WARNINGS_OF_OTHERS:
        config.addinivalue_line("filterwarnings", line)
