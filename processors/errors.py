"""Error classes by the shared taxonomy: a pure function over columns, its rules are ``conventions/errors.csv``.

Evidence in order: package of a guard > provider code > HTTP status > exception class > message pattern > a word that
the text begins with > finish reason.
The best kind that tells anything decides, and what ranks below it cannot overrule it; it may only *refine* it, where
the evidence is no more than a hint. By the strength of a rule in ``errors.csv``:

==========  ===========================================================================================================
``strong``  decides: 429 of a text that quotes a timeout is no timeout, 500 and 503 stay theirs
``weak``    stands for several classes: 400 for most of what a request can have wrong, 429 and ``RateLimitError`` also
            for a used-up quota, 403 for that too and for what a moderation flagged, ``APIConnectionError`` also for a
            timeout. It gives way to a strong rule of its own
            kind; and to the class that what ranks below it decides, if ``refined.csv`` lists that
``vague``   a code that clients write of any failure (``server_error``, also of a 503): likewise, and any HTTP status
            goes before it
==========  ===========================================================================================================

Weak messages refine nothing; they count where nothing above tells anything. A rule with a provider holds for it alone:
Google's ``UNKNOWN`` is a server's error, and its quotas are rates. The text is read here and nowhere else; no part of
it is kept.

A text may begin with a class or a code (``openai.RateLimitError: …``, ``<class 'TimeoutError'>``, ``UNAVAILABLE``), as
many instrumentations write a status message: that is the evidence it would be as an attribute. Its spelling tells: in a
text, and as the name of a class, ``Timeout``, ``forbidden`` and ``cancelled`` are words of a language, which any field
or sentence may have, and no code; only an attribute that is the code itself may be such a word. A class stands at the
start of any line, as in a traceback, a word behind its module alone (``httpx.Timeout``). A class that is only mentioned
further on counts where nothing else does, for a text may also quote what it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import polars as pl

from processors.conventions.rules import ErrorRule, error_rules, refinements

_IN_BODY = r"""(?i)['"]code['"]\s*:\s*['"]({})['"]"""
"""A code in an error's text: in JSON or a dict."""
_IN_MESSAGE = (
    r"""(?i)['"](?:type|status|reason)['"]\s*:\s*['"]({})['"]""",
    r"(?i)an error occurred \(({})\)",
    r"""(?i)(?:^|[\s'"])[45]\d\d ({})\b""",
)
"""Likewise, but no words of a language: under keys that data has too, as botocore writes it, and behind the status as
Google writes it."""
_STATUS_IN_MESSAGE = (
    r"""(?i)(?:error code|status(?:[_ ]?code)?|http(?:/[\d.]+)?|['"]code['"])['"]?\s*[:=]?\s*['"]?([1-5]\d\d)\b""",
    r"""(?:^|\n|: |['"])([45]\d\d)[ :-]+[A-Z]""",
)
_NUMBER = r"^([1-5]\d\d)$"
READ = (
    *("error_code", "error_type", "grpc_status", "exception_type", "error_text", "finish_word", "provider"),
    "http_status",
)
"""What ``error_class`` reads."""
STRENGTHS = ("strong", "weak", "vague")
_LAST_NAME = r"""(?:^|[.:$'"])(?:AI_|GRPC_STATUS_)?(\w+)['">]*$"""
_HEAD = r"^\W{{0,3}}(?:class\W{{1,3}})?(?:\w+(?:\.|::|\$)){}(?:AI_|GRPC_STATUS_)?({})\W{{0,2}}(?:[:(\[,;]|\s*(?:\n|$))"
"""A name at the start, behind the module it comes from, that a colon, a bracket or the end of the line follows."""
_INPUT = r"(?s)\binput_value=.*?(?:, input_type=\w+\]|$)"
"""What pydantic quotes of the value that it refuses."""
_PLAIN_WORD = r"^[A-Z]?[a-z]+$"
"""Spelled as a word of a language is; ``UNAVAILABLE``, ``rate_limited`` and ``AccessDenied`` are not."""
_IN_FRONT = r"(?m)^\W{{0,3}}(?:class\W{{1,3}})?{}(?:\w+\.)*\w+\W{{0,2}}(?:[:(\[]|\s*$)"
"""Likewise any name of a package."""
_MENTIONED = r"\b({})\b"
_WORDS = r"(?i)(?:\b|\\[nrt])(?:{})(?:s|d|ed|ing)?\b"
"""A pattern in a text, of whole words: no part of a longer name (``insufficient_quota_checker``)."""
_CLASS = re.compile(r"\w*[a-z](?:Error|Exception|Timeout)")
"""A name that is no word of a language."""


def without_input(text: pl.Expr) -> pl.Expr:
    """An error's text without the data that it quotes, which is no evidence whatever it says."""
    return text.str.replace_all(_INPUT, "")


def http_status() -> pl.Expr:
    """The HTTP status: the attribute, else a numeric code, else the number in the error's text.

    Reads ``http_status error_code error_type error_text``; a status outside 100 to 599 is none.
    """
    told = (
        pl.col("error_code").str.extract(_NUMBER),
        pl.col("error_type").str.extract(_NUMBER),
        *[pl.col("error_text").str.extract(pattern) for pattern in _STATUS_IN_MESSAGE],
    )
    return pl.coalesce(told_status(), *[text.cast(pl.Int64) for text in told])


def told_status() -> pl.Expr:
    """Likewise of the attribute alone."""
    given = pl.col("http_status")
    return pl.when(given.is_between(100, 599)).then(given)


def error_class(frame: pl.DataFrame) -> pl.Series:
    """(n,) the class of each failed call, ``unknown`` where there is no evidence.

    Reads ``READ``, of which ``http_status`` is the canonical one.
    """
    told = frame.select(
        *[_told(kind, strength).alias(f"{kind} {strength}") for kind in EVIDENCE for strength in STRENGTHS],
        pl.coalesce(_mentioned(), finish_class(), pl.lit("unknown")).alias("else"),
        pl.lit(None, pl.String).alias("decided"),
    )
    for kind in reversed(EVIDENCE):
        told = told.with_columns(_decide(kind).alias("decided"))
    return told.select(pl.coalesce("decided", "word weak", "message weak", "else").alias("error_class"))["error_class"]


def _decide(kind: str) -> pl.Expr:
    """The class by this kind of evidence and those below it, which have ``decided``."""
    strong, weak, vague = (pl.col(f"{kind} {strength}") for strength in STRENGTHS)
    below = pl.col("decided")
    if kind in ("message", "word"):
        return pl.coalesce(strong, below)
    has_status = pl.any_horizontal(*[pl.col(f"http {strength}").is_not_null() for strength in STRENGTHS])
    return pl.coalesce(
        strong,
        pl.when(_refines(kind, weak)).then(below),
        weak,
        pl.when(vague.is_not_null() & (has_status | _refines(kind, vague))).then(below),
        vague,
        below,
    )


def _refines(kind: str, told: pl.Expr) -> pl.Expr:
    """Whether what ranks below may refine a class that this kind of evidence hints at."""
    pairs = refinements().get(kind, {}).items()
    listed = [(told == of) & pl.col("decided").is_in(classes) for of, classes in pairs]
    return pl.any_horizontal(pl.lit(value=False), *listed).fill_null(value=False)


def _told(kind: str, strength: str) -> pl.Expr:
    return evidence([rule for rule in error_rules() if (rule.kind, rule.strength) == (kind, strength)])


def evidence(rules: Iterable[ErrorRule]) -> pl.Expr:
    """The class by rules of one kind: those of the provider first, then the first in the order of the file."""
    groups: dict[str, dict[str, str]] = {}
    kind = ""
    for rule in rules:
        kind = rule.kind
        groups.setdefault(rule.provider, {})[rule.pattern] = rule.error_class
    told: list[pl.Expr] = [
        pl.when(pl.col("provider").str.starts_with(provider)).then(EVIDENCE[kind](groups[provider]))
        for provider in sorted(groups, key=len, reverse=True)
        if provider
    ]
    told += [EVIDENCE[kind](groups[""])] if "" in groups else []
    return pl.coalesce(*told, pl.lit(None, pl.String))


def finish_class() -> pl.Expr:
    """What the finish reason alone says; also of a call that worked. Reads ``finish_word`` (lower case)."""
    classes = {rule.pattern: rule.error_class for rule in error_rules() if rule.kind == "finish"}
    return _looked_up(pl.col("finish_word"), classes)


def _looked_up(words: pl.Expr, classes: Mapping[str, str]) -> pl.Expr:
    return words.replace_strict(list(classes), list(classes.values()), default=None, return_dtype=pl.String)


def _codes(classes: Mapping[str, str]) -> pl.Expr:
    """In an attribute, in the text, or as the class that a client makes of it (``botocore.errorfactory.…``)."""
    either = "|".join(map(re.escape, classes))
    told = [pl.col(name) for name in ("error_code", "error_type", "grpc_status")]
    told += [pl.col("error_text").str.extract(_IN_BODY.format(either))]
    spelled = [pl.col("error_text").str.extract(pattern.format(either)) for pattern in _IN_MESSAGE]
    spelled += [*_class_names("error_code", "error_type", "exception_type"), _head(either, "(?i)")]
    told += [pl.when(~word.str.contains(_PLAIN_WORD)).then(word) for word in spelled]
    return pl.coalesce(*[_looked_up(word.str.to_lowercase(), classes) for word in told])


def _http(classes: Mapping[str, str]) -> pl.Expr:
    return _looked_up(pl.col("http_status").cast(pl.String), classes)


def _exceptions(classes: Mapping[str, str]) -> pl.Expr:
    words = [name for name in classes if re.fullmatch(_PLAIN_WORD, name)]
    names = _class_names("error_type", "exception_type")
    others = [name for name in classes if name not in words]
    names += [_head("|".join(others), "(?m)"), _head("|".join(words), "(?m)", modules="+")]
    return pl.coalesce(*[_looked_up(name, classes) for name in names])


def _head(either: str, flags: str, modules: str = "*") -> pl.Expr:
    """The first of these names that the text begins with, or with ``(?m)`` a line of it."""
    return pl.col("error_text").str.extract(flags + _HEAD.format(modules, either))


def _words(classes: Mapping[str, str]) -> pl.Expr:
    return _looked_up(_head("|".join(classes), "(?i)").str.to_lowercase(), classes)


def _mentioned() -> pl.Expr:
    """A class anywhere in the text, told by its spelling."""
    rules = (rule for rule in error_rules() if rule.kind == "exception" and _CLASS.fullmatch(rule.pattern))
    classes = {rule.pattern: rule.error_class for rule in rules}
    return _looked_up(pl.col("error_text").str.extract(_MENTIONED.format("|".join(classes))), classes)


def _class_names(*columns: str) -> list[pl.Expr]:
    return [pl.col(name).str.extract(_LAST_NAME) for name in columns]


def _messages(classes: Mapping[str, str]) -> pl.Expr:
    """One search a class, not one a pattern: many calls fail at once."""
    text = pl.col("error_text")
    patterns = {
        name: "|".join(pattern for pattern, of in classes.items() if of == name)
        for name in dict.fromkeys(classes.values())
    }
    found = [pl.when(text.str.contains(_WORDS.format(either))).then(pl.lit(name)) for name, either in patterns.items()]
    return pl.coalesce(*found)


def _packages(classes: Mapping[str, str]) -> pl.Expr:
    """Whatever a library raises that does one thing alone, by the start of the full name."""
    names = [pl.col(name) for name in ("error_type", "exception_type")]
    held = [(name.str.starts_with(start), of) for start, of in classes.items() for name in names]
    text = pl.col("error_text")
    held += [(text.str.contains(_IN_FRONT.format(re.escape(start))), of) for start, of in classes.items()]
    return pl.coalesce(*[pl.when(holds).then(pl.lit(of)) for holds, of in held])


EVIDENCE = {
    "package": _packages,
    "code": _codes,
    "http": _http,
    "exception": _exceptions,
    "message": _messages,
    "word": _words,
}
"""Kinds of evidence, the best first."""
