"""What the processes of ``tests.forks`` find imported: the worker with its compiled code."""

import pandas  # noqa: F401, ICN001 - pyarrow imports it when rows are made

import processors.run
import tests.warehouse.processes
from processors.engine import Engine
from processors.prepare import prepare
from processors.settings import WorkerSettings

__all__ = ["processors", "tests"]

prepare(Engine.of(WorkerSettings(), user_key=b"a key of the tests"))
