"""The names of service tiers: what a call, a price book or a bill writes, in one word for each tier."""

from __future__ import annotations

import re

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
ENUM = "(?:service_tier|on_demand)_"
"""What Google writes before them: ``SERVICE_TIER_FLEX``, and on Vertex ``ON_DEMAND_FLEX``."""
_GAPS = "[- ]+"
"""What stands between two words of one where others write an underscore: ``on-demand``, ``On Demand``."""

TIER_OF = f"""
CREATE TEMP MACRO tier_word(said) AS
    regexp_replace(regexp_replace(lower(trim(coalesce(said, ''))), '{_GAPS}', '_', 'g'), '^{ENUM}', '');
CREATE TEMP MACRO tier_of(said) AS
    CASE WHEN tier_word(said) IN {_PLAIN} THEN '{STANDARD}' ELSE tier_word(said) END
"""
"""``tier_word`` and, as ``tier_of``, ``plain_tier`` in SQL."""


def tier_word(said: str | None) -> str:
    """A tier as price lists name it, ``default`` too; empty = none."""
    return re.sub(f"^{ENUM}", "", re.sub(_GAPS, "_", (said or "").strip().lower()))


def plain_tier(said: str | None) -> str:
    """A tier in one word; all names for no special one, and none at all, are STANDARD."""
    word = tier_word(said)
    return STANDARD if word in _PLAIN else word
