r"""Families of models: a name without the way to it and without its date, the same of calls that failed and of others.

Who asks for ``gpt-4.1`` is answered by ``gpt-4.1-2025-04-14``, which says so; a call that fails is answered by nobody
and knows the name alone that was asked for. By the model's own name a rate has those that ended well in one row and
those that failed in another; by its family it has all of them. Nothing is looked up: the family is what the name says.

=================================================  =======================
``gpt-4.1-2025-04-14``, ``openai/gpt-4.1``         ``gpt-4.1``
``claude-3-5-sonnet-latest``                       ``claude-3-5-sonnet``
``us.anthropic.claude-3-5-sonnet-20241022-v2:0``   ``claude-3-5-sonnet``
``gpt-4-1106-preview``, ``gpt-4-0613``             ``gpt-4``
``gpt-4.1-mini``                                   ``gpt-4.1-mini``
=================================================  =======================

The once rules compare models by ``family_of``, which takes off one such word: a call may be told under several names.
What a call costs goes by the model's own name and by nothing here.
"""

from __future__ import annotations

DIMENSION = "model_family"
OF = "model"
"""The column that it is read from."""
SQL = f"model_family({OF})"

_MAKERS = r"^(?:[a-z-]{2,6}\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen|writer)\."
"""Of Bedrock's names; some instrumentations leave out maker or version."""
_BARE = r"regexp_replace(bedrocks_name(bare_name(model)), '-v\d+:\d+$', '')"
_DATE = r"[-@:]((19|20)\d\d-?\d\d-?\d\d|\d{4}|latest|preview)(-v\d+)?$"

WORDS = (
    f"bedrocks_name(model) AS regexp_replace(model, '{_MAKERS}', '')",
    "bare_name(model) AS regexp_replace(lower(model), '^.*/', '')",
    f"family_of(model) AS regexp_replace({_BARE}, '{_DATE}', '')",
    "model_family(model) AS family_of(family_of(model))",  # o1-preview-2024-09-12: who asks for o1-preview gets it
)
"""Macros, each made of those before."""
