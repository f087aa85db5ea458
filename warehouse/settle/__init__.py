"""Closing the books: what the stream said provisionally becomes final, hour by hour.

==================  ==============================================================================================
``closing.py``      one settlement from one snapshot, visible at once or not at all
``standing.py``     how the last one left things, what no settlement has read, hours in chunks
``corrections.py``  once rules over whole traces and across flushes: ``doubt.sql`` finds what to judge, ``compare.sql``
                    and ``correct.sql`` state what is otherwise than the stream had it
``books.py``        ``ledger``, ``user_days`` and ``tasks``: ``effective.sql`` the spans as they stand, ``verdicts.sql``
                    what became of tasks, ``affected.sql`` which hours that touches, ``books.sql`` the missing lines
``statements.py``   the files, with lists of columns in their places
==================  ==============================================================================================

``docs/settlement.md`` says what holds.
"""

from warehouse.settle.closing import Overtaken, Settled, settle
from warehouse.settle.corrections import Pricing

__all__ = ["Overtaken", "Pricing", "Settled", "settle"]
