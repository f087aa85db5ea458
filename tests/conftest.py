"""Fixtures that every test may take, and what all processes of the tests are started with."""

import os

pytest_plugins = ["tests.kafka", "tests.secured"]

os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
"""Brokers of tests live for seconds: code compiled well would cost more than it gains."""
