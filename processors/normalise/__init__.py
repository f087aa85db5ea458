"""Decoded columns to canonical spans and outcomes: the part of the pipeline that knows what attributes *mean*.

``normalise(decoded, rules) -> Normalised``; pure, vectorised, no clock: the only time it knows is the record's.

* ``Normalised.spans``: a table with every column of ``warehouse.schemas.SPANS`` **except** ``billable suppressed_by
  cost_usd <cost kinds> price_status price_version``, which pricing and the once rules add; one row per decoded span (also
  spans that are no GenAI spans: they pass on tenant, feature, user, session and task to their descendants).
* ``Normalised.outcomes``: a table in ``warehouse.schemas.OUTCOMES``, from evaluation events and outcome attributes.
* ``Normalised.dead``, ``Normalised.dropped``: taken over from decode, plus what is found wrong here.

Helper columns of ``spans``, for the once rules and roll-ups; they are dropped before the table is written:

=========================  =======  ==================================================================================
``_row``                   int64    position in the range: message by message, span by span; unique
``_message_index``         int32    index of the message in the range
``_span_name``             string   the span's name (may hold anything: never leaves the process)
``_span_kind``             int8     OTLP enum: 1 internal, 2 server, 3 client, 4 producer, 5 consumer; 0 unspecified
``_scope_name``            string   instrumentation scope
``_role``                  string   ``call``: one model call as its maker saw it; ``usage_record``: carries the usage of a
                                    call that another span reports (logfire streams: it starts ``_reported_duration_ms``
                                    after its call); ``repeat``: wire-level copy of its parent (litellm raw request);
                                    ``aggregate``: repeats the sum of its descendants (agents, steps, chains);
                                    ``pending``: start record of a span that follows (logfire); ``other``: any other span
``_model_call``            bool     candidate for billing: operation is billable and role is call, usage_record or repeat
``_genai``                 bool     any GenAI attribute was seen; False for plain HTTP, database … spans
``_has_usage``             bool     an input or output token count is reported (also 0) and known to be this span's own
``_usage_rank``            int8     how good the token counts are, lower is better; NULL where there are none
``_reported_duration_ms``  double   duration told by an attribute (the span itself may be zero long)
``_input_tokens_reported`` int64    as on the span, before ``usage_semantics`` was applied
``_output_tokens_reported`` int64   likewise
``_repair``                string   named rule that repaired the token counts, else NULL
``_tenant_rank``           int8     0 header, 1 explicit key, 2 team or organisation, 3 ``service.namespace``; NULL: none.
                                    An ancestor's better (smaller) rank replaces a worse one, unless it is 0
``_feature_rank``          int8     1 explicit key, 2 workflow, function or resource name, 3 agent name; likewise
``_user``                  string   raw end-user id. ``user_id`` is hashed with the span's own tenant; where the tenant is
                                    inherited, hash again with ``processors.users.hash_users`` and drop this column
``_response_id_foreign``   bool     the response id is the client's own (litellm errors): no evidence of a duplicate
``_reported_model_copy``   bool     the response model may be a copy of the request model (errors, logfire streams)
``_safety_checked``        bool     the span says whether something was checked: a denominator of safety rates
=========================  =======  ==================================================================================
"""
