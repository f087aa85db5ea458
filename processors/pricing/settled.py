"""Prices for what a settlement puts together of several spans."""

from __future__ import annotations

import pyarrow as pa

from processors.normalise.afterwards import finish
from processors.pricing.book import PriceBook
from processors.pricing.columns import price_spans
from warehouse.settle import Pricing


def pricing_of(book: PriceBook) -> Pricing:
    """The book as a settlement asks it."""

    def price(spans: pa.Table) -> pa.Table:
        return price_spans(spans, book)

    return Pricing(finish=finish, price=price, tenants=book.tenants, version=book.version)
