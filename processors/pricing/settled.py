"""Prices for what a settlement puts together of several spans."""

from __future__ import annotations

import pyarrow as pa

from processors.normalise.parts import refuse_contradictions
from processors.pricing.book import PriceBook
from processors.pricing.columns import price_spans
from warehouse.settle import Pricing


def pricing_of(book: PriceBook) -> Pricing:
    """The book as a settlement asks it: counts that contradict each other once put together are refused first."""

    def price(spans: pa.Table) -> pa.Table:
        return price_spans(refuse_contradictions(spans), book)

    return Pricing(price=price, tenants=book.tenants, version=book.version)
