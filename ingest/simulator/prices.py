"""What a call costs by the public price list, worked out apart from ``processors/`` so that the two can be compared."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import genai_prices

from ingest.simulator.tasks import SECOND_NS, Call, Usage

PICODOLLAR = Decimal("1e-12")


def cost_of(call: Call, started_at_ns: int) -> Decimal | None:
    """USD by the response (else request) model at its start, half-even to 1e-12; None: no price, or no usage."""
    if call.usage is None:
        return None
    try:
        price = genai_prices.calc_price(
            _priced(call.usage),
            call.billed_model,
            provider_id=call.model.provider,
            genai_request_timestamp=datetime.fromtimestamp(started_at_ns / SECOND_NS, tz=UTC),
        )
    except LookupError:
        return None
    return price.total_price.quantize(PICODOLLAR, rounding=ROUND_HALF_EVEN)


def _priced(usage: Usage) -> genai_prices.Usage:
    return genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
