"""Amazon Bedrock in AWS Cost and Usage Reports (CUR 2.0): one row a usage type, account and hour or day.

Model, kind of token and tier stand in ``line_item_usage_type`` (``warehouse.invoices.meters``), the model of rows of
Marketplace in the product's name (``Claude 3 Haiku (Amazon Bedrock Edition)``). ``pricing_unit`` says whether amounts
count thousands or millions of tokens. Rows of other services are left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from warehouse.invoices.line import OTHER, TOKENS, USAGE, LeftOut, Line, Reading, Row, Unreadable, read_rows
from warehouse.invoices.meters import edition_model, read_meter
from warehouse.invoices.values import instant, number, text, times, tokens_described, within_a_day

FORMAT = "aws_cur"
PROVIDER = "aws"
NEEDED = (
    *("line_item_usage_start_date", "line_item_usage_account_id", "line_item_usage_type", "line_item_line_item_type"),
    *("line_item_usage_amount", "line_item_unblended_cost", "line_item_currency_code"),
)
USED = (
    *NEEDED,
    *("line_item_usage_end_date", "line_item_product_code", "line_item_line_item_description", "line_item_operation"),
    *("product", "product_product_name", "product_servicename", "pricing_unit"),
    *("identity_line_item_id", "identity_time_interval"),
)
"""Columns that are read; a file may have any others."""
_CHARGES = {
    "Usage": USAGE,
    "DiscountedUsage": USAGE,
    "SavingsPlanCoveredUsage": USAGE,
    "BundledDiscount": "discount",
    "Discount": "discount",
    "DistributorDiscount": "discount",
    "EdpDiscount": "discount",
    "PrivateRateDiscount": "discount",
    "RiVolumeDiscount": "discount",
    "SavingsPlanNegation": "discount",
    "SppDiscount": "discount",
    "Credit": "credit",
    "Refund": "credit",
    "Tax": "tax",
    "Fee": "fee",
    "RIFee": "fee",
    "SavingsPlanRecurringFee": "fee",
    "SavingsPlanUpfrontFee": "fee",
}
"""``line_item_line_item_type`` of the CUR's data dictionary."""


def read(rows: list[dict[str, Any]], _: str | None) -> Reading:
    """The rows about Bedrock."""
    return read_rows(FORMAT, rows, lambda row: [_line(row)], _identify)


def _identify(row: Row) -> object:
    """AWS numbers line items, each within its interval; an older export may not have the columns."""
    number = text(row, "identity_line_item_id")
    names = ("identity_time_interval", "line_item_usage_type", "line_item_line_item_type", "line_item_operation")
    return None if number is None else [number, _account(row), *(text(row, name) for name in names)]


def _line(row: Row) -> Line:
    product = _product(row)
    if "bedrock" not in f"{row.get('line_item_product_code')} {product}".lower():
        raise LeftOut("another service")
    said = text(row, "line_item_line_item_type") or ""
    if said not in _CHARGES:
        raise Unreadable("unknown_charge", f"line_item_line_item_type {said!r} must be one of {', '.join(_CHARGES)}")
    start = instant("line_item_usage_start_date", row.get("line_item_usage_start_date"))
    end = text(row, "line_item_usage_end_date")
    line = Line(
        charged_at=start,
        provider=PROVIDER,
        account=_account(row),
        charge=_CHARGES[said],
        amount=number(row, "line_item_unblended_cost"),
        currency=text(row, "line_item_currency_code"),
        item=text(row, "line_item_usage_type", "line_item_line_item_description"),
    )
    if line.amount is None:
        raise Unreadable("no_amount", "line_item_unblended_cost must be a number: export the column")
    if line.charge != USAGE:
        return line
    if end is not None:
        ends = instant("line_item_usage_end_date", row["line_item_usage_end_date"])
        line = replace(line, until=within_a_day("line_item_usage", start, ends)[1])
    return _metered(line, row, product)


def _metered(line: Line, row: Row, product: str) -> Line:
    name = text(row, "line_item_usage_type") or ""
    meter = read_meter(name)
    if meter is None and "token" in name.lower():
        raise Unreadable("unknown_usage_type", f"usage type {name!r} is of no grammar that is known here: report it")
    quantity = number(row, "line_item_usage_amount")
    if meter is None:
        return replace(line, kind=OTHER, quantity=quantity, unit=text(row, "pricing_unit"))
    model = meter.model or edition_model(product) or product.strip() or None
    if model is None:
        raise Unreadable("no_model", f"usage type {name!r} names no model: export `product` with `product_name`")
    return replace(line, model=model, kind=meter.kind, tier=meter.tier, quantity=_tokens(quantity, row), unit=TOKENS)


def _tokens(quantity: Decimal | None, row: Row) -> Decimal:
    """Single tokens. What the unit does not say, the usage type or the description may: ``Million Input Tokens``."""
    if quantity is None:
        raise Unreadable("no_quantity", "line_item_usage_amount must be a number: export the column")
    unit = text(row, "pricing_unit")
    if unit is not None:
        each, noun = times(unit)
        if noun == TOKENS:
            return quantity * each
    described = f"{row.get('line_item_usage_type')} {row.get('line_item_line_item_description')}"
    if count := tokens_described(described):
        return quantity * count
    raise Unreadable(
        "unknown_unit", f"pricing_unit {unit!r} must say how many tokens (1K tokens, 1M tokens): export the column"
    )


def _product(row: Row) -> str:
    """The product's name, of CUR 2.0's map, of its JSON in a CSV file, or of a column of its own."""
    held = row.get("product")
    if isinstance(held, str) and held.strip().startswith("{"):
        try:
            held = json.loads(held)
        except ValueError as error:
            raise Unreadable("no_json", "column product must be JSON, as AWS writes it") from error
    name = held.get("product_name") or held.get("servicename") if isinstance(held, Mapping) else None
    return str(name or text(row, "product_product_name", "product_servicename") or "")


def _account(row: Row) -> str | None:
    """Twelve digits, whose leading zeros a spreadsheet takes away."""
    account = text(row, "line_item_usage_account_id")
    return account.zfill(12) if account and account.isdigit() else account
