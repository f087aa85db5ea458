"""Tables for people."""

from datetime import UTC, datetime
from decimal import Decimal

from dashboards import figures
from dashboards.grid import Column, csv_text, table_html

TENANT = Column(name="tenant", title="Tenant")
SPEND = Column(name="cost_usd", title="Spend", shown=figures.usd, bar=True)
ROWS = [
    {"tenant": "acme", "cost_usd": Decimal("3.065")},
    {"tenant": None, "cost_usd": Decimal("1.5")},
    {"tenant": "globex", "cost_usd": None},
]


def test_a_number_shows_its_exact_value_on_hover():
    html = table_html(ROWS, [TENANT, SPEND], label="Spend")

    assert '<span title="3.065 USD">$3.07</span>' in html


def test_a_name_may_have_room_for_several_words():
    html = table_html(ROWS[:1], [Column(name="tenant", title="Tenant", wide=True)], label="Spend")

    assert '<td class="sl-wide">acme</td>' in html


def test_a_missing_name_is_a_visible_line():
    assert "unattributed" in table_html(ROWS, [TENANT], label="Spend")


def test_an_unknown_amount_is_a_dash_without_a_bar():
    html = table_html(ROWS[2:], [SPEND], label="Spend")

    assert '<span title="unknown">—</span></td>' in html


def test_a_bar_is_measured_against_the_largest():
    assert "--value:1.5;--largest:3.065" in table_html(ROWS, [SPEND], label="Spend")


def test_names_from_spans_are_text_and_never_markup():
    hostile = [{"tenant": '"><script>alert(1)</script>', "cost_usd": None}]

    html = table_html(
        hostile, [Column(name="tenant", title="Tenant", link=lambda value: f"?tenant={value}")], label="x"
    )

    assert "<script" not in html
    assert 'href="?tenant=&quot;&gt;' in html


def test_long_tables_say_how_much_more_the_export_holds():
    html = table_html(ROWS * 20, [TENANT], label="Spend", shown=10)

    assert html.count("<tr>") == 11
    assert "50 more in the export" in html


def test_a_table_has_a_name_for_screen_readers():
    assert 'aria-label="Spend &amp; more"' in table_html(ROWS, [TENANT], label="Spend & more")


def test_csv_is_exact_and_leaves_unknown_cells_empty():
    rows = [
        {
            "tenant": 'a,"b"',
            "cost_usd": Decimal("0.000000000001"),
            "at": datetime(2026, 3, 1, tzinfo=UTC),
            "id": b"\x01\xff",
            "parts": [{"usd": Decimal("1.10")}],
        },
        {"tenant": None, "cost_usd": None, "at": None, "id": None, "parts": []},
    ]

    text = csv_text(rows, list(rows[0]))

    assert text.splitlines() == [
        "tenant,cost_usd,at,id,parts",
        '"a,""b""",0.000000000001,2026-03-01T00:00:00Z,01ff,"[{""usd"": ""1.10""}]"',
        ",,,,[]",
    ]
