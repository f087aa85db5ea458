"""Closing the books: what the stream said provisionally becomes final, hour by hour.

==================  ==============================================================================================
``settling.py``     close the hours that are over; ``repricing.py``: price calls anew (``reprice.sql``)
``months.py``       close a month for bookings
``closing.py``      what all do: append rows that count for nothing, then the row that makes them count
``standing.py``     how the last one left things, what no settlement has read, hours in chunks
``desk.py``         the DuckDB of one settlement, with the tables that a step needs
``doubts.py``       which traces to judge again, found once for all (``doubt.sql``, ``several.sql``, ``beside.sql``,
                    ``doubtful.sql``, ``reach.sql``), and in parts that fit memory (``placed.sql``, ``part.sql``)
``corrections.py``  once rules over whole traces and across flushes: ``compare.sql`` and ``correct.sql`` state what is
                    otherwise than the stream had it; ``again.sql`` what is too old for that and is there already
``books.py``        ``ledger``, ``user_days``, ``tasks`` and ``safety_hours`` from ``warehouse.corrected``:
                    ``verdicts.sql`` what became of tasks, ``affected.sql`` which hours that touches, ``books.sql`` and
                    ``safety.sql`` the missing lines
``deciding.py``     which spans outcomes are looked for among: those of these hours, else of months before
``gpus.py``         ``gpu_minutes``: ``gpu_seen.sql`` what samples say, ``gpu_calls.sql`` which calls ran,
                    ``gpu_shares.sql`` and ``gpu_lines.sql`` whose each minute was, and the missing lines
``placing.py``      on which GPUs the calls ran, minute by minute
``dividing.py``     which hours that is done for
``statements.py``   the files, with lists of columns in their places
==================  ==============================================================================================

``docs/settlement.md`` says what holds.
"""

from warehouse.settle.closing import Overtaken, Settled
from warehouse.settle.corrections import Pricing
from warehouse.settle.months import MonthOpen, close_month
from warehouse.settle.repricing import Repriced, reprice
from warehouse.settle.settling import settle

__all__ = ["MonthOpen", "Overtaken", "Pricing", "Repriced", "Settled", "close_month", "reprice", "settle"]
