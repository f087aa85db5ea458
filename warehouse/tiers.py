"""The names of service tiers: what a call, a price book or a bill writes, in one word for each tier."""

from __future__ import annotations

STANDARD = "standard"

_PLAIN = (
    "",
    "auto",
    "default",
    "on_demand",
    "ondemand",
    STANDARD,
    "standard_only",
    "unspecified",
)  # no special tier was used
ENUM = "service_tier_"
"""What Google writes before them: ``SERVICE_TIER_FLEX``."""

TIER_OF = f"""
CREATE TEMP MACRO tier_of(said) AS
    CASE WHEN regexp_full_match(lower(trim(coalesce(said, ''))), '({ENUM})?({"|".join(_PLAIN)})')
    THEN '{STANDARD}'
    ELSE regexp_replace(lower(trim(said)), '^{ENUM}', '') END
"""
"""``plain_tier`` in SQL."""


def tier_word(said: str | None) -> str:
    """A tier as price lists name it, ``default`` too; empty = none."""
    return (said or "").strip().lower().removeprefix(ENUM)


def plain_tier(said: str | None) -> str:
    """A tier in one word; all names for no special one, and none at all, are STANDARD."""
    word = tier_word(said)
    return STANDARD if word in _PLAIN else word
