"""What the processes of ``tests.forks`` find imported: the worker with its compiled code and its tables.

Nothing here may start a thread: a fork has none of its parent's, and waits for them for ever.
"""

import genai_prices.data
import pandas  # noqa: F401, ICN001 - pyarrow imports it when rows are made
from faust import App  # which Faust imports when it is asked for

import processors.run
import spanledger.telemetry
import spanledger.worker
import tests.warehouse.processes
from processors.conventions.table import load_table
from processors.decode import prepare

__all__ = ["App", "genai_prices", "processors", "spanledger", "tests"]

prepare()
load_table()
