"""Rates and percentages as people write them: read exactly, refused with the value and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from processors.pricing.errors import BadPriceBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """``usd`` for ``per`` of something, as the price list writes it."""

    usd: Decimal
    per: int

    def of_one(self) -> Fraction:
        """USD for one."""
        return Fraction(self.usd) / self.per


PER_MTOK = {
    "input": "input_tokens",
    "cached_input": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "output_tokens",
    "reasoning": "output_reasoning_tokens",
    "audio_input": "input_audio_tokens",
    "audio_output": "output_audio_tokens",
    "image_input": "input_image_tokens",
    "image_output": "output_image_tokens",
}
"""Kinds of tokens that a price can be given for."""

PER_UNIT = {
    "request": ("requests", 1),
    "search": ("web_searches", 1),
    "thousand_searches": ("web_searches", 1_000),
    "rerank": ("rerank_searches", 1),
    "thousand_reranks": ("rerank_searches", 1_000),
    "image": ("images", 1),
    "page": ("input_document_pages", 1),
    "thousand_pages": ("input_document_pages", 1_000),
    "million_characters": ("input_characters", 1_000_000),
    "audio_second": ("audio_seconds", 1),
    "audio_minute": ("audio_seconds", 60),
    "audio_hour": ("audio_seconds", 3_600),
}
"""What else a price can be given for: the kind that it prices, and how many of it."""

REPORTED = {"reported_usd": Price(usd=Decimal(1), per=1)}
"""The cost that the producer reports, taken as it is."""

REQUIRED = ("input", "output")
TOKENS_PER_PRICE = 1_000_000
_MAX_USD = 1_000_000
_MAX_DECIMALS = 12


def read_token_prices(where: str, table: object) -> dict[str, Price]:
    """Prices by kind from USD per million tokens. Raises BadPriceBook."""
    usd = _table(where, table, PER_MTOK)
    missing = [kind for kind in REQUIRED if kind not in usd]
    if missing:
        raise BadPriceBook(f"{where} must give {' and '.join(missing)}")
    if "cache_write_1h" in usd:
        usd.setdefault("cache_write", usd["input"])
    return {PER_MTOK[name]: Price(usd=value, per=TOKENS_PER_PRICE) for name, value in usd.items()}


def read_unit_prices(where: str, table: object) -> dict[str, Price]:
    """Prices by kind from USD per unit. Raises BadPriceBook."""
    found: dict[str, Price] = {}
    for name, value in _table(where, table, PER_UNIT).items():
        kind, per = PER_UNIT[name]
        if kind in found:
            raise BadPriceBook(f"{where} prices the same thing twice: {name!r}")
        found[kind] = Price(usd=value, per=per)
    return found


def _table(where: str, table: object, kinds: Mapping[str, object]) -> dict[str, Decimal]:
    if not isinstance(table, Mapping) or not table:
        raise BadPriceBook(f"{where} = {table!r}: must be a table of USD by kind")
    unknown = sorted(set(table) - set(kinds))
    if unknown:
        raise BadPriceBook(f"{where} has no kind {unknown[0]!r}; kinds are {', '.join(kinds)}")
    return {name: read_number(f"{where} {name}", value, most=_MAX_USD) for name, value in table.items()}


def read_number(where: str, value: object, *, most: int) -> Decimal:
    """A number from 0 to ``most`` of at most twelve decimals. Raises BadPriceBook."""
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise BadPriceBook(f"{where} = {_shown(value)}: must be a number") from error
    if isinstance(value, bool) or not number.is_finite() or not 0 <= number <= most:
        raise BadPriceBook(f"{where} = {_shown(value)}: must be from 0 to {most}")
    if -int(number.as_tuple().exponent) > _MAX_DECIMALS:
        raise BadPriceBook(f"{where} = {_shown(value)}: must have at most {_MAX_DECIMALS} decimals")
    return number


def _shown(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)
