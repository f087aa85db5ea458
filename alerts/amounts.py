"""USD as people read them.

>>> print(dollars(Decimal("12.4")))
$12.40
"""

from __future__ import annotations

from decimal import Decimal

WHOLE_DOLLARS = Decimal(100)
CENT = Decimal("0.01")


def dollars(amount: Decimal) -> str:
    """``$0.0031``, ``$12.40``, ``$1,240``: three or more digits that count."""
    size = abs(amount)
    sign = "-" if amount < 0 else ""
    if size >= WHOLE_DOLLARS:
        return f"{sign}${size:,.0f}"
    if size >= CENT or not size:
        return f"{sign}${size:,.2f}"
    return f"{sign}${size:.2g}"


def signed(amount: Decimal) -> str:
    """Dollars with their sign."""
    return dollars(amount) if amount < 0 else f"+{dollars(amount)}"
