"""The rules beside the alias table as typed records: words, scopes, roles, token semantics, error classes."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from processors.conventions.table import read_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is known of instrumentation scopes; ``prefix`` names them, as ``scope_pattern`` reads it."""

    prefix: str
    convention: str
    or_told: str  # its spans that an attribute of this convention says something of are of this one
    if_versioned: str  # likewise those whose scope tells a version
    usage_rank: int  # how good its token counts are, 0 is best
    stream_ends: str  # "here"; "always": likewise, and so does every call; or "elsewhere": on a usage record
    models: str  # "plain", or "prefixed": the provider's name and a slash stand before the model's


ALONE = "$"
"""Behind a scope's name: it alone. Other people's packages begin so too: Koog's ``ai.koog`` is not Vercel's ``ai``."""


def scope_pattern(scope: str) -> str:
    """The regular expression of the scopes that a table means: this one and its modules or versions.

    ``openai`` is ``openai`` and ``openai.v1``, but neither ``openai_agents`` nor ``openai-proxy``, which anybody may
    have called a tracer; ``ai$`` is ``ai`` alone; what ends in no letter, digit or underscore begins names of any kind.
    """
    name = re.escape(scope.removesuffix(ALONE))
    if scope.endswith(ALONE):
        return f"^{name}$"
    return f"^{name}(?:$|[./:])" if re.search(r"\w$", scope) else f"^{name}"


ANY = "*"
"""In ``Role.value``: the field has a value, whichever."""
NONE = "-"
"""In ``Role.value``: the field has none. In ``ProviderRule.reported``, ``AccountRule.provider``: none is reported."""
NAMED = "{operation}"
"""In ``Role.otherwise``: what the span's name says, if that is a model call."""
_PLACES = {"*": r".*", "{operation}": r"(?P<operation>[a-z_]+)", "{model}": r"(?P<model>\S+)"}
SPAN_KINDS = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A span that is not what it looks like; empty conditions hold always.

    In ``name`` stand ``*`` for any text, ``{operation}`` for a word that says what is done, ``{model}`` for the model
    that is asked. ``kind`` is the span's as OTLP names it; ``value`` is ``*`` where any will do, ``-`` where there is
    none. With ``otherwise`` the rule is about a span that tells no operation, and that is what it does if nothing else
    shows.
    """

    scope: str
    name: str
    kind: str
    field: str
    value: str
    role: str
    operation: str
    otherwise: str
    stream: bool

    @property
    def pattern(self) -> str:
        """``name`` as a regular expression."""
        parts = re.split(r"(\*|\{\w+\})", self.name)
        return "(?s)^" + "".join(_PLACES.get(part, re.escape(part)) for part in parts) + "$"

    def group(self, place: str) -> int | None:
        """The group of ``pattern`` that holds the ``operation`` or the ``model``; None: the name does not say it."""
        return re.compile(self.pattern).groupindex.get(place)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRule:
    """Token counts that leave out the cached part (input) or the reasoning (output); empty conditions hold always.

    ``unknown`` in both: what stands there is no count of the call's tokens, but a guess or a sum over its chunks.
    ``inclusive_of_read`` in the input: it may have what was read from a cache without what was written to it.
    ``inclusive_of_tools``: it has what tools gave, which others tell beside it.
    ``or_guessed``: inclusive; of a stream it may be a guess from the length of the text.
    ``by_total``: exclusive, but where a total of just both sides says that somebody else counted (in the output it is
    unknown without a total); ``either``: it may be written so or so, and where neither the total nor the counts can
    tell, nobody knows it.
    ``bare`` in the output: it has no reasoning, which may be told nowhere; ``twice``: it has the reasoning twice;
    ``by_api``: it has the reasoning if the Responses API answered, which the id of the answer may tell.

    ``host`` is the end of the server's name, as in ``ProviderRule``; ``key`` gave the input count, with its path behind
    it; with ``cached_key`` begins the key and path that gave the cached or the written count; ``name`` is the start of
    the span's name, ``model`` a part of the model's, ``method`` the remote call's or the function's.
    """

    scope: str
    input: str
    output: str
    version_below: str = ""
    provider: str = ""
    host: str = ""
    key: str = ""
    cached_key: str = ""
    name: str = ""
    model: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRule:
    """Who serves a call that its client reports under another name, or under none; empty conditions hold always.

    ``reported`` is a canonical word, ``NONE`` where none is reported; ``field`` must have a value; ``host`` is the end
    of the server's name, ``*`` any part of it; ``model`` a regular expression of the model that was asked for, or if
    none is told of the one that answered.
    """

    reported: str
    scope: str
    field: str
    host: str
    model: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRule:
    """The field that names the account of a call to this provider, where nothing says it of the call itself.

    ``provider`` is a canonical word, ``NONE`` where none is reported; ``cloud`` is the word of ``cloud.provider`` for
    the cloud that it is (empty: the field is about this provider alone).
    """

    provider: str
    field: str
    cloud: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """One piece of evidence for an error class; ``processors.errors`` says which wins."""

    kind: str  # package, code, http, exception, message, word, finish
    pattern: str
    error_class: str
    strength: str  # strong, weak, vague
    provider: str  # the start of the provider's canonical name; empty: any, also none


@functools.cache
def words(field: str) -> Mapping[str, str | None]:
    """Word on the wire, lower case -> canonical word; None = a word that says nothing."""
    return {row["value"]: row["canonical"] or None for row in read_rows("values.csv") if row["field"] == field}


@functools.cache
def scopes() -> tuple[Scope, ...]:
    """Longest prefix first."""
    rows = [
        Scope(
            prefix=row["scope"],
            convention=row["convention"],
            or_told=row["or_told"],
            if_versioned=row["if_versioned"],
            usage_rank=int(row["usage_rank"]),
            stream_ends=row["stream_ends"],
            models=row["models"],
        )
        for row in read_rows("scopes.csv")
    ]
    return tuple(sorted(rows, key=lambda scope: -len(scope.prefix)))


@functools.cache
def roles() -> tuple[Role, ...]:
    """In the order of the file: the first that holds wins."""
    return tuple(
        Role(
            scope=row["scope"],
            name=row["name"],
            kind=row["kind"],
            field=row["field"],
            value=row["value"],
            role=row["role"],
            operation=row["operation"],
            otherwise=row["otherwise"],
            stream=row["stream"] == "true",
        )
        for row in read_rows("roles.csv")
    )


@functools.cache
def usage_rules() -> tuple[UsageRule, ...]:
    """In the order of the file: the first that holds wins."""
    return tuple(UsageRule(**row) for row in read_rows("usage.csv"))


@functools.cache
def provider_rules() -> tuple[ProviderRule, ...]:
    """In the order of the file: the first that holds wins."""
    return tuple(ProviderRule(**row) for row in read_rows("providers.csv"))


@functools.cache
def account_rules() -> tuple[AccountRule, ...]:
    """In the order of the file: the first whose field has a value wins."""
    return tuple(AccountRule(**row) for row in read_rows("accounts.csv"))


@functools.lru_cache(maxsize=4096)
def server_by_name(reported: str | None, model: str) -> str | None:
    """Who serves a model where nothing is known but its name and perhaps who is reported to: the provider's word."""
    word = reported.strip().lower() if reported else None
    known = words("provider").get(word, word) if word else NONE
    rules = [rule for rule in provider_rules() if rule.model and not (rule.scope or rule.field or rule.host)]
    named = (rule.provider for rule in rules if rule.reported in ("", known) and re.search(rule.model, model))
    return next(named, reported)


@functools.cache
def error_rules() -> tuple[ErrorRule, ...]:
    """In the order of the file, which settles ties."""
    return tuple(
        ErrorRule(
            kind=row["kind"],
            pattern=row["pattern"],
            error_class=row["class"],
            strength=row["strength"],
            provider=row["provider"],
        )
        for row in read_rows("errors.csv")
    )


@functools.cache
def refinements() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Kind of evidence -> error class that it only hints at -> classes that it may turn out to be."""
    rows = read_rows("refined.csv")
    return {
        kind: {row["class"]: tuple(row["refined_by"].split()) for row in rows if row["kind"] == kind}
        for kind in dict.fromkeys(row["kind"] for row in rows)
    }
