"""Why a span became what it became: for a person who wants to settle an argument.

``explain(messages, decoded, before, spans, engine) -> list[Explanation]``, one per row of ``spans``: plain JSON, its
keys described in ``docs/inspect.md``. It asks the rules themselves once more, one by one, and repeats none of them:

* ``wire``: every attribute that the alias table knows, also those that lost, by decoding against a table in which each
  alias is a field of its own;
* ``fields``: which attribute gave each canonical field, what lost against it, from which span a value was taken;
* ``tokens``: which rule told how tokens are counted, the sum term by term, what was repaired or refused;
* ``failures``: the evidence for an error class; ``billing``: role, verdict, and what both spans have in common;
* ``price``: the cost line by line.

Content is no part of it: of the attributes that hold any only the key is shown. It is no part of the pipeline either:
it loops over rows, for files that a person looks at.
"""

from processors.explain.explain import Explanation, explain

__all__ = ["Explanation", "explain"]
