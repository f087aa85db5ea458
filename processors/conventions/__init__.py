"""Attribute aliases of span conventions and the rules that make one canonical call of them: data, no code.

================  ====================================================================================================
``fields.csv``    the canonical fields that decode fills, and their kind
``aliases.csv``   wire key -> field: *rank* (lower wins, tens are classes), *place* (span, resource, event, map), *path*
                  into a JSON or Python-repr text (a step like ``ONE+PREFIX_*`` is the sum of those members), *unit* as
                  written, *includes* (token counts: inclusive or exclusive of cache or reasoning; rest: what was left
                  when all parts beside it were taken out). Field ``*`` is a free map that is searched for every member
                  of convention ``custom_common``; ``{i}`` stands for 0, 1, …; an event row without key is its time
``objects.csv``   what each member of the providers' usage objects counts: *path* and *includes* as above; a step like
                  ``LIST+LIST/KIND=WORD+WORD/COUNT`` is a sum over the items of lists
``places.csv``    where such objects stand: *key*, the *path* to them, *rank*. Each member at each place is an alias
``values.csv``    word on the wire (lower case) -> canonical word; empty = no value
``scopes.csv``    instrumentation scope -> convention, a second one of the same scope that its keys tell apart, how good
                  its token counts are, where its streams end, how it writes models. In all tables a scope's name means
                  its modules and versions too (``.``, ``/`` or ``:`` behind it); ``$`` behind it: it alone; one that
                  ends in another sign (``logfire.``) is the beginning of names
``roles.csv``     spans that are not what they look like: raw copies, usage records, start records; *otherwise*: what a
                  span does that says nothing of it, by its kind, by what else it tells or by its name (``{operation}
                  {model}``: a word of ``values.csv`` that means a model call, and the model that is asked)
``providers.csv`` who serves a call that is reported under another name or none: by scope, host or model
``accounts.csv``  whose account a call is billed to: by provider the field that says it of a whole process, and *cloud*,
                  the one that this has to run in
``usage.csv``     token counts without their cached part or reasoning, by scope, version, provider, key, name, model
``errors.csv``    provider code, HTTP status, exception class, message pattern, finish reason -> error class; with it
                  *provider* (the start of its name), where the evidence means that of this provider alone
``refined.csv``   which classes a weak piece of evidence for a class may turn out to be, by what ranks below it
``apart.csv``     keys of known conventions that are left out, or mean something else here, each with its reason
================  ====================================================================================================

A convention is added by adding rows. ``processors.conventions.table`` reads the first four, ``rules`` the others.
"""
