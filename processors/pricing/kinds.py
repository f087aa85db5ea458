"""What can be counted on a call: the columns of the matrices that prices are multiplied with.

A kind is a usage key of genai-prices (``input_tokens``, ``web_searches``, ``input_audio_seconds`` …) or ``images``
and ``reported_usd``, for which only price books have a rate. The token columns of a span fill the first kinds, its
map ``units`` the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from genai_prices.units import UnitDef, _get_registry

from warehouse.schemas import TOKEN_KINDS

USAGE_KEYS = dict(
    zip(
        TOKEN_KINDS,
        (
            "input_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "cache_write_1h_tokens",
            "output_tokens",
            "output_reasoning_tokens",
            "input_audio_tokens",
            "output_audio_tokens",
        ),
        strict=True,
    )
)
"""Our token columns under the names that genai-prices gives them."""

REQUESTS = "requests"
IMAGES = "images"
REPORTED = "reported_usd"
UNITS: Mapping[str, UnitDef] = {
    **_get_registry().units,
    IMAGES: UnitDef(usage_key=IMAGES, price_key=IMAGES, per=1, dimensions={"family": "images"}),
    REPORTED: UnitDef(usage_key=REPORTED, price_key=REPORTED, per=1, dimensions={"family": "reported"}),
}
"""Every kind with its family, direction and so on; a kind with more of them is a part of one with fewer."""

_BY_UNITS = tuple(key for key in UNITS if key not in USAGE_KEYS.values() and key not in (REQUESTS, REPORTED))
KINDS = (*USAGE_KEYS.values(), *_BY_UNITS, REPORTED, REQUESTS)
"""Columns: the token counts, then what ``units`` may hold, the cost that the producer reports, 1 for the call."""

INDEX = {kind: column for column, kind in enumerate(KINDS)}

TOKENS = "tokens"
"""The family of everything that is counted in tokens."""


def _whole(kind: UnitDef) -> str:
    """The column of tokens that a kind of tokens is a part of, with which it has to be told."""
    type_, said = kind.dimensions.get("token_type", ""), set(kind.dimensions)
    if type_.startswith("cache") and said & {"modality", "cache_ttl"}:
        return f"{type_}_tokens"
    return f"{kind.dimensions['direction']}_tokens"


WHOLES = {
    key: whole
    for key, unit in UNITS.items()
    if unit.dimensions.get("family") == TOKENS and (whole := _whole(unit)) != key
}
"""Part -> the token column without which it says only how small that cannot be."""

ADD_ONS = ("requests", "tool_calls")
"""Families that come on top of a call: not reported means that there were none."""

_NAMES = {
    "input_tokens": "input",
    "cache_read_tokens": "cached_input",
    "output_tokens": "output",
    "output_reasoning_tokens": "reasoning",
    "input_audio_tokens": "audio_input",
    "output_audio_tokens": "audio_output",
    "input_image_tokens": "image_input",
    "output_image_tokens": "image_output",
    "input_video_tokens": "video_input",
    "output_video_tokens": "video_output",
    "web_searches": "searches",
    "input_document_pages": "pages",
    "input_characters": "characters",
}

_FILLS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "searches": {"rerank": ("rerank_searches",), "": ("web_searches",)},
    "audio_seconds": {
        "speech": ("audio_seconds", "output_audio_seconds"),
        "": ("audio_seconds", "input_audio_seconds"),
    },
    "pages": {"": ("input_document_pages",)},
    "characters": {"": ("input_characters",)},
    "image_input_tokens": {"": ("input_image_tokens",)},
    "image_output_tokens": {"": ("output_image_tokens",)},
    "video_input_tokens": {"": ("input_video_tokens",)},
    "video_output_tokens": {"": ("output_video_tokens",)},
    "citation_output_tokens": {"": ("output_citation_tokens",)},
    "image_cached_input_tokens": {"": ("cache_image_read_tokens",)},
    "video_cached_input_tokens": {"": ("cache_video_read_tokens",)},
    "audio_cached_input_tokens": {"": ("cache_audio_read_tokens",)},
}

_SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "transcription": ("durations",),
    "speech": ("durations", "characters"),
    "image": ("images", "pixels"),
    "rerank": ("rerank",),
}


def kind_name(kind: str) -> str:
    """What people call a kind, such as ``cached_input``, ``cache_write_1h`` or ``searches``."""
    return _NAMES.get(kind, kind.removesuffix("_tokens"))


def kinds_of_unit(unit: str, operation: str | None) -> tuple[str, ...]:
    """Kinds that a key of ``units`` fills in calls of an operation; none for a key that nothing can price."""
    by_operation = _FILLS.get(unit)
    if by_operation is None:
        return (unit,) if unit in _BY_UNITS else ()
    return by_operation.get(operation or "", by_operation[""])


def subject(operation: str | None, priced: frozenset[str]) -> frozenset[str]:
    """Families of which a call must report one before it has a price, of those that its model is priced by.

    What the operation is about where that is priced (a transcription's seconds, a chat's tokens), else any of them.
    Extras are asked for only where nothing else is priced.
    """
    main = priced - set(ADD_ONS)
    about = frozenset(_SUBJECTS.get(operation or "", ("tokens",)))
    return (about & main) or main or (priced - {"requests"})
