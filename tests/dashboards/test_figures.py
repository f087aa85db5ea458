"""Numbers for people."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import figures

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("3.07", "$3.07"),
        ("3.065", "$3.07"),
        ("0.99999", "$1.00"),
        ("412.0712", "$412.07"),
        ("12345.678", "$12,345.68"),
        ("999999.99", "$999,999.99"),
        ("1240000", "$1.24 M"),
        ("0.01", "$0.01"),
        ("0.0042", "$0.0042"),
        ("0.000000000001", "$0.000000000001"),
        ("-3.07", "-$3.07"),
    ],
)
def test_money_reads_as_people_write_it(amount: str, text: str):
    assert figures.usd(Decimal(amount)).text == text


@pytest.mark.parametrize(
    ("amount", "exact"),
    [
        ("3", "3.00 USD"),
        ("3.070000000000", "3.07 USD"),
        ("3.1", "3.10 USD"),
        ("0.000000000001", "0.000000000001 USD"),
        ("1200", "1200.00 USD"),
    ],
)
def test_the_exact_amount_keeps_every_digit(amount: str, exact: str):
    assert figures.usd(Decimal(amount)).exact == exact


@given(st.decimals(min_value=-(10**15), max_value=10**15, places=12))
def test_no_digit_of_money_is_lost_on_hover(amount: Decimal):
    exact = figures.usd(amount).exact

    assert Decimal(exact.removesuffix(" USD")) == amount


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0 k"),
        (12_345, "12.3 k"),
        (123_456, "123 k"),
        (999_499, "999 k"),
        (999_999, "1.00 M"),
        (1_240_512, "1.24 M"),
        (15_000_000_000, "15.0 B"),
        (7_123_000_000_000_000, "7,120 T"),
    ],
)
def test_counts_keep_three_digits_and_a_letter(number: int, text: str):
    figure = figures.count(number)

    assert figure.text == text
    assert figure.exact == f"{number:,}"


def test_a_unit_follows_the_number():
    assert figures.count(1_240_000, "tokens").text == "1.24 M tokens"


@pytest.mark.parametrize(
    ("part", "text"),
    [(0.982, "98.2 %"), (0.9999, "99.9 %"), (1.0, "100 %"), (0.0, "0 %"), (0.0004, "<0.1 %"), (0.5, "50.0 %")],
)
def test_only_everything_reads_100_percent_and_only_nothing_0(part: float, text: str):
    assert figures.share(part).text == text


def test_an_exact_share_has_as_many_digits_as_say_anything():
    assert [figures.share(part).exact for part in (0.33143723928706864, 0.5, 1.0, 0.0, 50 / 60)] == [
        *("33.1437239 %", "50 %", "100 %", "0 %", "83.3333333 %")
    ]


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [
        (0.0, "0 ms"),
        (0.4, "0.4 ms"),
        (412.4, "412 ms"),
        (999.7, "1.0 s"),
        (2_345.0, "2.3 s"),
        (9_960.0, "10 s"),
        (42_000.0, "42 s"),
        (192_000.0, "3 min 12 s"),
        (180_000.0, "3 min"),
        (18_120_000.0, "5 h 2 min"),
        (187_200_000.0, "2 d 4 h"),
    ],
)
def test_durations_read_in_their_two_largest_units(duration_ms: float, text: str):
    assert figures.milliseconds(duration_ms).text == text


@pytest.mark.parametrize(
    ("per_second", "text"), [(0.0, "0.0 spans/s"), (3.33, "3.3 spans/s"), (12_345.0, "12.3 k spans/s")]
)
def test_rates_carry_their_unit(per_second: float, text: str):
    assert figures.rate(per_second, "spans").text == text


@pytest.mark.parametrize(
    "figure",
    [
        figures.usd(None),
        figures.count(None),
        figures.share(None),
        figures.milliseconds(None),
        figures.rate(None, "spans"),
        figures.ago(None, NOON),
        figures.moment(None, NOON, UTC),
    ],
)
def test_unknown_is_never_zero(figure: figures.Figure):
    assert figure == figures.UNKNOWN


def test_ages_count_whole_seconds():
    assert figures.ago(NOON - timedelta(seconds=2, milliseconds=900), NOON).text == "2 s ago"
    assert figures.ago(NOON, NOON).text == "just now"
    assert figures.ago(NOON + timedelta(seconds=5), NOON).text == "just now"


def test_moments_are_in_the_readers_zone_and_exact_in_utc():
    figure = figures.moment(NOON, NOON + timedelta(hours=1), ZoneInfo("Europe/Berlin"))

    assert figure.text == "13:00:00"
    assert figure.exact == "2026-03-01T12:00:00.000Z"


def test_moments_of_another_day_name_it():
    assert figures.moment(NOON, NOON + timedelta(days=1), UTC).text == "1 Mar 12:00:00"
