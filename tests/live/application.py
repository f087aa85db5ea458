"""Starts the application of the live test as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120


def run_application(instrumentation: str, *, base_url: str, otlp_endpoint: str, tenant: str) -> None:
    """Make all cases' calls with one instrumentation; returns when the spans were exported."""
    command = [sys.executable, "-m", "tests.live.child", instrumentation, base_url, otlp_endpoint, tenant]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENAI_"))}
    done = subprocess.run(
        command, cwd=ROOT, env=inherited, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
