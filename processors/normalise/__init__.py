"""Decoded columns to canonical spans and outcomes: the part of the pipeline that knows what attributes *mean*.

``normalise(decoded, rules) -> Normalised``; pure, vectorised, no clock: the only time it knows is the record's.

* ``Normalised.spans``: a table with every column of ``warehouse.schemas.SPANS`` **except** ``billable suppressed_by
  role usage_rank as_told cost_usd <cost kinds> price_status price_version``, which pricing and the once rules add; one
  row per decoded span (also spans that are no GenAI spans: they pass on tenant, feature, user, session and task to
  their descendants).
  Texts are dictionary columns, but for users, sessions, tasks and responses.
* ``Normalised.outcomes``: a table in ``warehouse.schemas.OUTCOMES``, from evaluation events and outcome attributes.
* ``Normalised.dead``, ``Normalised.dropped``: taken over from decode.
* ``Normalised.hidden``: names that were replaced by their hash, by rule (``normalise.secrets``).

``provider`` is OpenTelemetry's word (``openai``, ``anthropic``, ``aws.bedrock``, ``azure.ai.openai``, ``gcp.vertex_ai``
…) or, where that has none, the producer's in lower case. ``user_id`` is hashed with the span's own tenant.

Helper columns of ``spans``, for the once rules and roll-ups; they are dropped before the table is written:

============================  =======  ===============================================================================
``_row``                      int64    position in the range: message by message, span by span; unique
``_message_index``            int32    index of the message in the range
``_span_name``                string   the span's name (may hold anything: never leaves the process)
``_span_kind``                int8     OTLP enum: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer
``_role``                     string   ``call``: one model call as its maker saw it; ``usage_record``: carries the usage
                                       of a call that another span reports (logfire streams: it starts
                                       ``duration_ms`` after its call); ``repeat``: wire-level copy of its
                                       parent (litellm raw request); ``aggregate``: repeats the sum of its descendants
                                       (agents, steps, chains); ``pending``: start record of a span that follows
                                       (logfire); ``fetch``: asks for a response made before, whose id it
                                       carries; ``other``: any other span
``_model_call``               bool     candidate for billing: the operation is billable and the role is call,
                                       usage_record or repeat
``_genai``                    bool     the span is one of GenAI; False for plain HTTP, database … spans
``_has_usage``                bool     an input or output token count is known (also 0), whatever the role
``_usage_rank``               int8     how good the token counts are, 0 is best; NULL: unknown scope, or no usage
``_input_tokens_reported``    int64    as on the span, before ``usage_semantics`` was applied
``_output_tokens_reported``   int64    likewise
``_repair``                   string   named rules that repaired or refused the token counts, separated by ``+``, else
                                       NULL
``_user``                     string   raw end-user id: what may not be told by other names
``_other_user``               string   another end user whom the span names: the last of its user keys by rank
============================  =======  ===============================================================================
"""

from processors.normalise.assemble import HELPERS, Normalised, normalise
from processors.normalise.rules import Rules

__all__ = ["HELPERS", "Normalised", "Rules", "normalise"]
