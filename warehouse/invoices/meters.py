"""Names of meters, of which model, kind of token and tier must be read: AWS's usage types, Azure's meters, plain words.

The grammars of Bedrock's usage types (price lists of 2026)::

    USE1-Claude3Haiku-input-tokens                          USW2-Claude4.5Sonnet-cache-read-input-token-count
    USE1-Nova2.0Lite-input-tokens-flex-cross-region-global  USE1-Llama3-1-405B-output-tokens-batch
    USE1-openai.gpt-5.6-luna-mantle-cache-write-tokens-5m-long-ctx-flex
    USE1-Claude4.5Sonnet-cache-write-1h-input-token-count
    USE1-MP:USE1_input_tokens_global_standard-Units         USE1-MP:USE1_CacheWrite1hInputTokenCount_Global-Units

and of Azure OpenAI's meters: ``gpt-4o-0806-Inp-glbl Tokens``, ``gpt-5-codex-ccchd-inp-glbl Tokens``,
``5.4 inp Gl 1M Tokens``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_REGION = re.compile(r"^[A-Z]{2,4}\d?[A-Z]?\d?-(?=\S)")
_MARKET = re.compile(r"^MP:[A-Z0-9]+_(?P<body>.+?)(?:-Units)?$")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+[mh]?")
_DASHED = re.compile(
    r"^(?P<model>.+?)-(?:mantle-)?(?P<audio>audio-|speech-)?(?:text-|image-|video-)?"
    r"(?P<word>input|output|cache-read|cache-write)(?P<life>-\d+[mh])?(?P<audio2>-audio|-speech)?(?:-image|-video|-text)?-"
    r"(?:input-)?token(?:s|-count)(?P<tail>(?:-[a-z0-9.]+)*)$",
    re.IGNORECASE,
)
_AZURE = re.compile(
    r"^(?P<model>.+?)[ -](?P<tail>(?:(?:batch|pp|ccchd|cchd|cached|cd|wr|shortco|longco|"
    r"inp|in|input|opt|out|outp|output|std|gl|glbl|dz|dzone|rg|regnl|regional|data zone|1m)(?:[ -]+|$))+)tokens?$",
    re.IGNORECASE,
)
_EDITION = re.compile(r"(?i)\s*\(amazon bedrock edition\)")
_TIERS = ("batch", "flex", "priority", "latency")
_ROUTES = frozenset(
    {"cross", "region", "global", "geo", "regional", "long", "context", "ctx", "lctx", "standard", "std", "optimized"}
)
_LIFE = re.compile(r"\d+[mh]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What a name says; ``model`` None: it stands elsewhere."""

    model: str | None
    kind: str
    tier: str


@lru_cache(maxsize=4096)
def read_meter(name: str) -> Meter | None:
    """What the name of a meter says of tokens; None: it is no meter of tokens, or of a grammar that nobody knows."""
    bare = _REGION.sub("", name.strip())
    if market := _MARKET.match(bare):
        return _from_words(None, [word.lower() for word in _WORDS.findall(market["body"])])
    if dashed := _DASHED.match(bare):
        return _from_dashes(dashed)
    if azure := _AZURE.match(bare):
        return _from_azure(azure)
    return None


def edition_model(product: str) -> str | None:
    """The model that a product of AWS Marketplace is an edition of: ``Claude 3 Haiku (Amazon Bedrock Edition)``."""
    return _EDITION.sub("", product).strip() if _EDITION.search(product) else None


def _from_dashes(match: re.Match[str]) -> Meter | None:
    kind, sound = match["word"].lower(), bool(match["audio"] or match["audio2"])
    tail = [part for part in f"{match['life'] or ''}{match['tail']}".lower().split("-") if part]
    words = [*kind.split("-"), *(["audio"] if sound else []), "tokens", *tail]
    return _from_words(match["model"], words)


def _from_words(model: str | None, words: list[str]) -> Meter | None:
    """``words``: direction, what the tokens are, how long they are kept, tier and route, in any order."""
    left = [word for word in words if word not in ("tokens", "token", "count", "million", "text")]
    tier = next((word for word in left if word in _TIERS), "standard")
    life = next((word for word in left if _LIFE.fullmatch(word)), "")
    known = {"input", "output", "cache", "read", "write", "audio", *_TIERS, *_ROUTES, life}
    if set(left) - known or ("tokens" not in words and "token" not in words):
        return None
    if "cache" in left:
        kind = "cached_input" if "read" in left else "cache_write_1h" if life == "1h" else "cache_write"
    elif "output" in left or "input" in left:
        direction = "output" if "output" in left else "input"
        kind = f"audio_{direction}" if "audio" in left else direction
    else:
        return None
    return Meter(model=model, kind=kind, tier="latency_optimized" if tier == "latency" else tier)


def _from_azure(match: re.Match[str]) -> Meter | None:
    words = set(re.split(r"[ -]+", match["tail"].lower()))
    is_output = bool(words & {"opt", "out", "outp", "output"})
    if words & {"cd", "ccchd", "cchd", "cached"}:
        kind = "cache_write" if "wr" in words else "cached_input"
    elif is_output or words & {"inp", "in", "input"}:
        kind = "output" if is_output else "input"
    else:
        return None
    model = re.sub(r"-\d{4}$", "", match["model"])  # the month and day of a snapshot
    tier = "batch" if "batch" in words else "priority" if "pp" in words else "standard"
    plain = model.replace(" ", "-")
    return Meter(model=f"gpt-{plain}" if plain[:1].isdigit() else plain, kind=kind, tier=tier)


def read_kind(words: str) -> str | None:
    """The kind of token that plain words tell: ``Cached Input Tokens``, ``cache_read``, ``completion tokens``."""
    said = words.lower()
    if re.search(r"cache", said):
        if re.search(r"writ|creat", said):
            return "cache_write_1h" if re.search(r"1 ?h|hour", said) else "cache_write"
        return "cached_input" if re.search(r"read|hit|cached", said) else None
    direction = "output" if re.search(r"output|completion|response|reasoning", said) else None
    direction = direction or ("input" if re.search(r"input|prompt", said) else None)
    return f"audio_{direction}" if direction and "audio" in said else direction
