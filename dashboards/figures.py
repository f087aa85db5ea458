"""Numbers for people: a short text and, for the hover, the exact value.

``$3.07``, ``1.24 M``, ``412 ms``, ``98.2 %``, ``2 s ago``. Money is rounded half up to the cent (two digits where it
is less than a cent); counts from 10,000 on carry three digits and a letter. A share is rounded *down*, so that only
everything reads ``100 %``. Unknown is a dash, never a zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import Any

CENT = Decimal("0.01")
MILLION = Decimal(1_000_000)
LETTERS = ("", " k", " M", " B", " T")
EXACT_COUNT_BELOW = 10_000
THREE_DIGITS = Context(prec=3, rounding=ROUND_HALF_UP)
NINE_DIGITS = Context(prec=9, rounding=ROUND_DOWN)
TWO_DIGITS = Context(prec=2, rounding=ROUND_HALF_UP)
MS_PER_S = 1_000
TENTHS_BELOW_S = 10
DURATIONS_S = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number as it is shown, and as it is: ``text`` on the page, ``exact`` on hover."""

    text: str
    exact: str


UNKNOWN = Figure(text="—", exact="unknown")


def usd(amount: Decimal | None) -> Figure:
    """Money: ``$3.07``, ``$0.0042``, ``$1.24 M``; exact to the last digit on hover."""
    if amount is None:
        return UNKNOWN
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    exact = f"{amount:f}".rstrip("0") if "." in f"{amount:f}" else f"{amount:f}."
    fraction = exact.partition(".")[2]
    return Figure(text=f"{sign}${_dollars(size)}", exact=exact + "0" * (2 - len(fraction)) + " USD")


def mean_usd(amount: float | None) -> Figure:
    """A mean of money, which is no exact sum: ``$0.048``; six digits on hover."""
    if amount is None:
        return UNKNOWN
    exact = Decimal(f"{amount:.6g}")
    text = f"${THREE_DIGITS.create_decimal(exact):f}" if 0 < exact < 1 else usd(exact).text
    return Figure(text=text, exact=f"{exact:f} USD")


def change(amount: Decimal | None) -> Figure:
    """A difference of money, with its sign: ``+$3.07``, ``-$1.20``, ``$0.00``."""
    told = usd(amount)
    return Figure(text=f"+{told.text}", exact=f"+{told.exact}") if amount is not None and amount > 0 else told


def _dollars(size: Decimal) -> str:
    if 0 < size < CENT:
        return f"{TWO_DIGITS.create_decimal(size):f}"
    if size >= MILLION:
        return _short(size)
    return f"{size.quantize(CENT, ROUND_HALF_UP):,}"


def count(number: int | None, unit: str = "") -> Figure:
    """Whole things: ``9,999``, ``12.3 k``, ``1.24 M tokens``."""
    if number is None:
        return UNKNOWN
    tail = f" {unit}" if unit else ""
    text = f"{number:,}" if abs(number) < EXACT_COUNT_BELOW else _short(Decimal(number))
    return Figure(text=text + tail, exact=f"{number:,}{tail}")


def _short(number: Decimal) -> str:
    """Three significant digits and a letter; 999,999 is ``1.00 M``."""
    rounded = THREE_DIGITS.create_decimal(number)
    step = min(rounded.adjusted() // 3, len(LETTERS) - 1)
    scaled = THREE_DIGITS.create_decimal(rounded.scaleb(-3 * step))
    return f"{scaled.quantize(Decimal(1).scaleb(scaled.adjusted() - 2)):,f}{LETTERS[step]}"


def share(part: Decimal | float | None) -> Figure:
    """A part of one: ``98.2 %``, rounded down; ``<0.1 %`` where it is not nothing."""
    if part is None:
        return UNKNOWN
    percent = Decimal(str(part)) * 100
    shown = percent.quantize(Decimal("0.1"), ROUND_DOWN)
    exact = f"{NINE_DIGITS.create_decimal(percent).normalize():f} %"
    if 0 < percent < Decimal("0.1"):
        return Figure(text="<0.1 %", exact=exact)
    return Figure(text=f"{int(shown) if shown in (0, 100) else shown} %", exact=exact)


def share_change(part: float | None) -> Figure:
    """A difference of shares or a relative one, with its sign: ``+1.2 %``, ``-0.4 %``."""
    if part is None:
        return UNKNOWN
    told = f"{abs(part) * 100:.1f}"
    sign = "" if float(told) == 0 else "+" if part > 0 else "-"
    return Figure(text=f"{sign}{told} %", exact=f"{part * 100:+.6g} %")


def points(part: float | None) -> Figure:
    """A difference of shares: ``+1.2 points`` of a hundred."""
    if part is None:
        return UNKNOWN
    told = share_change(part)
    return Figure(text=f"{told.text.removesuffix(' %')} points", exact=f"{part * 100:+.6g} points of a hundred")


def signed(shown: Callable[[Any], Figure]) -> Callable[[Any], Figure]:
    """The same of a difference, with its sign; none where it is shown as nothing."""

    def told(value: Any) -> Figure:
        if value is None:
            return UNKNOWN
        figure, sign = shown(abs(value)), "-" if value < 0 else "+"
        return Figure(text=figure.text if figure == shown(0 * value) else sign + figure.text, exact=sign + figure.exact)

    return told


def decimal(number: float | None) -> Figure:
    """A number on a scale of its own: ``0.74``."""
    return UNKNOWN if number is None else Figure(text=f"{number:.2f}", exact=f"{number:.6g}")


def rate(per_second: float | None, unit: str) -> Figure:
    """Things per second: ``0.4 rows/s``, ``12.3 k rows/s``."""
    if per_second is None:
        return UNKNOWN
    number = Decimal(str(per_second))
    text = f"{per_second:.1f}" if number < Decimal(100) else count(round(per_second)).text
    return Figure(text=f"{text} {unit}/s", exact=f"{number:f} {unit}/s")


def milliseconds(duration_ms: float | None) -> Figure:
    """How long: ``412 ms``, ``2.3 s``, ``3 min 12 s``, ``5 h 2 min``."""
    if duration_ms is None:
        return UNKNOWN
    exact = f"{duration_ms:,.3f} ms"
    if round(duration_ms) < MS_PER_S:
        text = f"{duration_ms:.0f} ms" if duration_ms >= 1 or not duration_ms else f"{duration_ms:.1g} ms"
        return Figure(text=text, exact=exact)
    seconds = duration_ms / MS_PER_S
    tenths = round(seconds, 1) < TENTHS_BELOW_S
    return Figure(text=f"{seconds:.1f} s" if tenths else _span(round(seconds)), exact=exact)


def _span(seconds: int) -> str:
    """The two largest units: ``42 s``, ``3 min 12 s``, ``2 d 4 h``."""
    parts: list[tuple[int, str]] = []
    rest = seconds
    for letter, size in DURATIONS_S:
        whole, rest = divmod(rest, size)
        if whole or parts:
            parts.append((whole, letter))
    return " ".join(f"{whole} {letter}" for whole, letter in parts[:2] if whole) or "0 s"


def ago(at: datetime | None, now: datetime) -> Figure:
    """How long ago: ``2 s ago``, ``3 min 12 s ago``; ``just now`` for less than a second and for the future."""
    if at is None:
        return UNKNOWN
    seconds = int((now - at).total_seconds())
    exact = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Figure(text=f"{_span(seconds)} ago" if seconds > 0 else "just now", exact=exact)


def moment(at: datetime | None, now: datetime, zone: tzinfo) -> Figure:
    """When: ``14:03:12`` today, ``20 Nov 14:03:12`` else; RFC 3339 UTC on hover."""
    if at is None:
        return UNKNOWN
    local = at.astimezone(zone)
    today = local.date() == now.astimezone(zone).date()
    return Figure(
        text=f"{local:%H:%M:%S}" if today else f"{local.day} {local:%b %H:%M:%S}",
        exact=at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
