"""What the processes of ``tests.forks`` find imported: the worker with its compiled code."""

import pandas  # noqa: F401, ICN001 - pyarrow imports it when rows are made

import processors.run
import tests.warehouse.processes
from processors.decode import prepare

__all__ = ["processors", "tests"]

prepare()
