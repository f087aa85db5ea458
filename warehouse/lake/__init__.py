"""The lake: Delta tables that flushes are committed to exactly once, and that anybody may read.

``Lake.open`` → ``next_offsets`` → ``commit(Flush)`` is all that a worker needs; ``append_once`` is for events that have
an identity of their own (incidents). ``warehouse.reader`` reads what stands here.
"""

from warehouse.lake.flush import Flush, PartlyCommitted, Range
from warehouse.lake.lake import Lake

__all__ = ["Flush", "Lake", "PartlyCommitted", "Range"]
