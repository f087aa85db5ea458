"""The named questions: one ``.sql`` file each, with a header that says what it reads, takes and gives.

::

    -- One line: what it answers.
    -- reads usage in window by bucket, flushes
    -- takes by: dimensions of usage = tenant; what to group by
    -- gives cost_usd: USD, exact; NULL where nothing is priced
    -- lacks token_kind: `spend --by token_kind` has what it would say
    -- sums where, bucket: a budget says itself what it is of
    -- whole messages
    -- table calls, cost_usd
    SELECT {columns} …

``reads`` names tables, or ``corrected_spans``: spans as the last settlement states them (``warehouse.corrected``), with
neither of the tables that they are made of. ``in window`` lets the reader open only files that can hold rows of
``[start, end)`` (the SQL still states the bounds, on the table's time column); ``by bucket`` says that rows are only
ever added up within bucket and window, so that sums by the hour or day may stand for them (``warehouse.lake.rollup``).
``takes NAME: KIND = DEFAULT; HELP``; kinds are those of ``warehouse.questions.parameters``. ``lacks DIMENSION: …`` says
what answers instead by one that has no meaning here, ``sums NAME, …: WHY`` which parameters are of the sums alone that
a report is reckoned from: the report does not offer them, and refuses them with that reason.
``whole`` names columns about the whole deployment, NULL in every scope but ALL; a question that reads ``flushes`` (it
knows no tenants) and has no ``whole`` is refused there. ``table`` names the measures that a person sees first, without
it all columns. ``books`` names the question to the settled books that is
asked instead where ``as_of_settlement`` is given. Every question that reads books takes ``as_of_settlement``, which the
reader sees to: its SQL finds no later rows. ``{tasks.sql}`` stands for a part that questions share, in ``parts/``. Sums
of the ledger are made of ``{booked.sql}``, so that closed months stand.

Values are bound as ``$name``; ``$now`` is the time of the snapshot, where no other is given, and ``$whole`` whether the
scope is ALL. Dimensions and bucket become SQL at ``{columns}`` (expressions with their names, each followed by a
comma), ``{keys}`` (the names alone, likewise) and ``{bucket}`` (the bucket's name alone, to order by); a filter becomes
a condition at ``{name}``.
"""

from warehouse.questions.question import Question, load_question, question_names

__all__ = ["Question", "load_question", "question_names"]
