"""The cost of a call line by line: what was counted x its rate, the sum, and the one rounding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from processors.explain.case import Case
from processors.explain.meanings import meaning
from processors.explain.wire import Json
from processors.pricing.book import PriceBook
from processors.pricing.lines import PAID_BY_GPU, PriceLine, as_text, price_lines, sum_lines
from processors.pricing.rates import LISTED_FREE
from processors.pricing.snapshots import BY_REQUEST


def explain_price(case: Case, row: int, book: PriceBook) -> Json | None:
    """``lines`` and their exact ``sum_usd``; None of a span that is not billed."""
    span = case.spans[row]
    if not span["billable"]:
        return None
    lines = price_lines(_call(span), book)
    by_request = (span["price_version"] or "").endswith(BY_REQUEST)
    json: Json = {
        "status": span["price_status"],
        "meaning": meaning("price", _reason(span["price_status"], lines)),
        "model": (not by_request and span["response_model"]) or span["request_model"],
        "model_from": "response_model" if span["response_model"] and not by_request else "request_model",
        "at": span["started_at"],
        "lines": [_line(line) for line in lines],
        "price_version": span["price_version"],
        "cost_usd": span["cost_usd"],
    }
    if lines:
        total = sum((line.usd for line in lines), Fraction(0))
        json |= {"sum_usd": as_text(total), "rounded": Fraction(sum_lines(lines) or 0) != total}
    return json


def _reason(status: str, lines: Sequence[PriceLine]) -> str:
    """The price status, and of a free call who says so."""
    if any(line.kind == PAID_BY_GPU for line in lines):
        return PAID_BY_GPU
    return "listed_free" if any(LISTED_FREE in line.source for line in lines) else status


def _call(span: dict[str, Any]) -> dict[str, Any]:
    return span | {"units": dict(span["units"] or ())}


def _line(line: PriceLine) -> Json:
    json = {
        "kind": line.kind,
        "quantity": line.quantity,
        "rate_usd": line.rate_usd,
        "per": line.per,
        "percent": line.percent,
        "usd": as_text(line.usd),
        "source": line.source,
    }
    return {name: value for name, value in json.items() if value is not None}
