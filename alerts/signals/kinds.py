"""The signals that detectors tell of."""

from alerts.signals.per_call import HOURS
from alerts.signals.windows import MINUTES, QUARTER

SPEND, CALLS, TOKENS, PRICE = "spend", "calls", "tokens_per_call", "unit_price"
FLOORS = {
    **{(SPEND, width): 0.3 for width in MINUTES},
    **{(CALLS, width): 0.5 for width in MINUTES},
    **{(TOKENS, hours): 3.0 for hours in HOURS},
    (PRICE, MINUTES[QUARTER]): 0.05,
}
"""Signal and window (minutes; hours of tokens a call) -> the score below which nothing is odd."""
