"""A call is billed once: the rules that find what is told twice, and what a span inherits.

Parents repeat what their children used, two instrumentations wrap one call, gateways and clients both report it,
clients send again. Only leaf model calls are billable; what is suppressed keeps its row and names the span that is
billed.

The rules are SQL files, run here by DuckDB on the spans of one flush and at settlement on those of the lake, as these
were told (``told.py``):

==================  ==============================================================================================
``given.sql``       what the rules read
``records.sql``     words that the rules share; ``repeated_record``: the same (trace id, span id) again
``providers.sql``   words for the provider: which may be said of one call, and which says more
``lineage.sql``     tenant, feature, user, session, task and prompt from the nearest ancestor that has one
``wrappers.sql``    ``wraps_call``: a model call that encloses others and repeats them
``responses.sql``   ``same_response``: the same response id, within a trace or across
``splits.sql``      ``split_stream``: a stream told by two records without a common id
``twins.sql``       ``same_call``: two instrumentations side by side without a common id
``verdicts.sql``    who is billed instead; ``wire_copy``: a span that repeats its parent by its nature
``sources.sql``     which values a billed span takes from those that tell of the same call, and from ancestors
==================  ==============================================================================================

Before all of them ``overwritten.py`` tells which raw copies of LiteLLM's are calls, ``attempts.py`` how often a call
was tried, by the HTTP requests below it, and ``retried.py`` which attempts are no calls (``tried_again``).
The SQL sees little: ``kernels.py`` (compiled) finds parents and equal ids, ``lineage.py`` walks what is
inherited, ``doubt.py`` chooses what may be told twice, and ``statements.py`` runs the rules on that: ``apply`` on a
flush, ``rejudge`` (``stored.py``) on spans of the lake. ``decide`` runs all rules on all rows: tests hold them equal.

Two calls are never one because they look alike: sequential and concurrent calls of one instrumentation are all billed.
``findings.py`` tells what was found of safety once, and ``safety.py`` what that says, likewise for both.
``docs/once.md`` says it rule by rule, with examples.
"""

from warehouse.once.rules import WHY_NO_CALL, Decision, apply, decide, fill, look
from warehouse.once.stored import rejudge
from warehouse.once.told import LEDGER, NOTES

__all__ = ["LEDGER", "NOTES", "WHY_NO_CALL", "Decision", "apply", "decide", "fill", "look", "rejudge"]
