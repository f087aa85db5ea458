"""FOCUS cost and usage files, versions 1.0 to 1.4: rows of any provider that bills AI by the token.

FOCUS has no columns for model and kind of token, so they are read where providers put them: own columns
(``x_Model``, ``x_TokenKind``, ``x_ServiceTier``), the meter (``SkuMeter``; AWS's ``x_UsageType``, Azure's
``x_SkuMeterName``), else the words of ``ChargeDescription``. Costs are ``BilledCost``: what the invoice says. Rows of
other services are left out. Whose bill a row is, its seller says: one that nobody knows stays under its own name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from warehouse.invoices.line import (
    OTHER,
    TOKEN_KINDS,
    TOKENS,
    USAGE,
    LeftOut,
    Line,
    Reading,
    Row,
    Unreadable,
    read_rows,
    whose,
)
from warehouse.invoices.meters import Meter, edition_model, read_kind, read_meter
from warehouse.invoices.values import instant, number, text, tier_name, times, tokens_described, within_a_day

FORMAT = "focus"
NEEDED = ("BilledCost", "BillingCurrency", "ChargeCategory", "ChargePeriodStart", "ChargePeriodEnd")
_AI = "ai and machine learning"
_CHARGES = {"usage": USAGE, "tax": "tax", "credit": "credit", "purchase": "fee", "adjustment": "credit"}
_SELLERS = ("ServiceProviderName", "ProviderName")
_OTHERS = ("PublisherName", "HostProviderName")
_MODELS = ("x_Model", "x_model", "x_AIModel")
_KINDS = ("x_TokenKind", "x_token_kind", "x_TokenType")
_TIERS = ("x_ServiceTier", "x_service_tier", "x_Tier")
_METERS = ("x_UsageType", "x_SkuMeterName", "SkuMeter", "SkuId", "ChargeDescription")
_UNITS = (("ConsumedQuantity", "ConsumedUnit"), ("PricingQuantity", "PricingUnit"))

_BY_DESCRIPTION = ("unit", "units")
"""AWS Marketplace's units, of which the description tells what they are."""

Namer = Callable[[str], str | None]


def read(rows: list[dict[str, Any]], provider: str | None, name_provider: Namer) -> Reading:
    """The rows about AI, of ``provider`` where one is given. ``name_provider``: of a name in a bill, None = unknown."""

    def line(row: Row) -> list[Line]:
        return [_line(row, provider, name_provider)]

    return read_rows(FORMAT, rows, line)


def _line(row: Row, wanted: str | None, name_provider: Namer) -> Line:
    meter = _meter(row)
    if meter is None and (text(row, "ServiceCategory") or _AI).lower() != _AI:
        raise LeftOut("another service")
    category = (text(row, "ChargeCategory") or "").lower()
    if category not in _CHARGES:
        raise Unreadable("unknown_charge", f"ChargeCategory {category!r} must be one of {', '.join(_CHARGES)}")
    start, end = (instant(name, row.get(name)) for name in ("ChargePeriodStart", "ChargePeriodEnd"))
    line = Line(
        charged_at=start,
        provider=_provider(row, wanted, name_provider),
        account=text(row, "SubAccountId"),
        charge=_CHARGES[category],
        amount=number(row, "BilledCost"),
        currency=text(row, "BillingCurrency"),
        item=text(row, "ChargeDescription", "SkuMeter", "SkuId"),
    )
    if line.amount is None:
        raise Unreadable("no_amount", "BilledCost must be a number")
    if line.charge != USAGE:
        return line
    line = replace(line, until=within_a_day("ChargePeriod", start, end)[1])
    quantity, unit = _quantity(row)
    if meter is None:
        return replace(line, kind=OTHER, quantity=quantity, unit=unit)
    if quantity is None or unit != TOKENS:
        raise Unreadable("unknown_unit", "ConsumedUnit or PricingUnit must count tokens: Tokens, 1K tokens, 1M tokens")
    return replace(line, model=meter.model, kind=meter.kind, tier=meter.tier, quantity=quantity, unit=TOKENS)


def _meter(row: Row) -> Meter | None:
    """What a row says of tokens, the plainest word first; None: it is about none."""
    found = next((one for name in _METERS if (said := text(row, name)) and (one := read_meter(said))), None)
    told = text(row, *_KINDS)
    if told is not None:
        kind: str | None = told if told in TOKEN_KINDS else read_kind(told)
    else:
        words = _words(row)
        kind = found.kind if found else read_kind(words) if "token" in f"{words} {_unit_words(row)}".lower() else None
    if kind is None:
        return None
    tier = tier_name(text(row, *_TIERS)) or (found.tier if found else "standard")
    return Meter(model=text(row, *_MODELS) or (found.model if found else None) or _sku_model(row), kind=kind, tier=tier)


def _sku_model(row: Row) -> str | None:
    """What ``SkuPriceDetails``, the product of AWS Marketplace or the resource names as the model."""
    details = row.get("SkuPriceDetails")
    if isinstance(details, dict):
        return text(details, "x_Model", "Model", "x_model")
    return edition_model(text(row, "ServiceName") or "") or text(row, "ResourceName")


def _words(row: Row) -> str:
    return " ".join(said for name in _METERS if (said := text(row, name)))


def _unit_words(row: Row) -> str:
    return " ".join(text(row, unit) or "" for _, unit in _UNITS)


def _quantity(row: Row) -> tuple[Decimal | None, str | None]:
    """The quantity that counts tokens, one by one, else the first there is."""
    found: list[tuple[Decimal, str]] = []
    for name, unit in _UNITS:
        quantity, said = number(row, name), text(row, unit)
        if quantity is not None and said is not None:
            count, noun = times(said)
            found.append((quantity * count, noun))
    tokens = next((one for one in found if one[1] == TOKENS), None)
    scaled = next((one for one in found if not one[1]), None)  # Azure's unit is `1K`, of what its meter counts
    if tokens is None and scaled is not None and _meter(row) is not None:
        return scaled[0], TOKENS
    each = tokens_described(_words(row))
    if tokens is None and each is not None and found and found[0][1] in _BY_DESCRIPTION:
        return found[0][0] * each, TOKENS
    return tokens or (found[0] if found else (None, None))


def _provider(row: Row, wanted: str | None, name_provider: Namer) -> str:
    """Who sells it; where no seller is named, who made or hosts it; else whose bill it is said to be."""
    said = [name for column in _SELLERS if (name := text(row, column))]
    said = said or [name for column in _OTHERS if (name := text(row, column))]
    named = next((known for name in said if (known := name_provider(name))), said[0].lower() if said else None)
    return whose(named, wanted, f"fill {_SELLERS[0]}, or give --provider")
