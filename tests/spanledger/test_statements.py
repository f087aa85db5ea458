"""Statements as Markdown and PDF: exact, and nothing that a name says breaks them."""

from __future__ import annotations

import re
import string
import zlib
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from spanledger.__main__ import main
from tests.warehouse.settling import World
from tests.warehouse.told import span

USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake with a settled call of each of two tenants, one of them without a price."""
    world = World(tmp_path)
    world.flush(
        [
            span("a", trace="a", tenant="acme", feature="a|*b*<中>", **USED),
            span("b", trace="b", tenant="acme", **USED | {"request_model": "nobody-knows-this"}),
            span("c", trace="c", tenant="beta", **USED),
        ]
    )
    world.settle()
    dims = tmp_path / "dims.toml"
    dims.write_text('[[allocations]]\nname = "platform"\nmonths = {2026-11 = "1234.5"}\nrule = "even"\n')
    monkeypatch.setenv("SPANLEDGER_LAKE", world.settings.url)
    monkeypatch.setenv("SPANLEDGER_SETTLE_DIMENSIONS", str(dims))
    return tmp_path


@pytest.mark.usefixtures("lake")
def test_markdown_has_a_statement_for_each_payer_with_exact_amounts(capsys: pytest.CaptureFixture[str]):
    assert main(["report", "chargeback", "--format", "markdown"]) == 0

    text = capsys.readouterr().out
    assert re.findall("^# (.*)$", text, re.MULTILINE) == ["acme, November 2026", "beta, November 2026"]
    assert "| direct | a\\|\\*b\\*\\<中\\> | gpt-4o |  | 1 | 1,000 | 100 | 0.0035 |" in text
    assert "| direct |  | nobody-knows-this |  | 1 | 1,000 | 100 | unknown |" in text
    assert "| allocated |  |  | platform |  |  |  | 617.25 |" in text
    assert "**617.2535**" in text
    assert "Calls without a known price, which are not in the total: 1." in text


@pytest.mark.usefixtures("lake")
def test_a_statement_by_kind_of_token_has_no_sum_of_calls(capsys: pytest.CaptureFixture[str]):
    assert (
        main(["report", "chargeback", "--param", "detail=token_kind", "--tenant", "acme", "--format", "markdown"]) == 0
    )

    text = capsys.readouterr().out
    assert re.search(r"\| direct \| input \|.* 0\.0025 \|", text)
    assert "| **total** |  |  |  | **2,000** | **200** | **617.2535** |" in text
    assert "Calls without a known price, which are not in the total." in text


def _pdf(file: Path, *flags: str) -> bytes:
    """The statements as PDF, and what stands in its streams."""
    assert main(["report", "chargeback", "--format", "pdf", "--out", str(file), *flags]) == 0
    content = file.read_bytes()
    assert content.startswith(b"%PDF-")
    lengths = re.finditer(rb"/Filter /FlateDecode\n/Length (\d+)[^>]*>>\nstream\n", content)
    return content + b"".join(zlib.decompress(content[one.end() : one.end() + int(one[1])]) for one in lengths)


def _font(file: Path, letters: str) -> Path:
    """A font in which each of these letters is a box."""
    names = {ord(letter): f"u{ord(letter):x}" for letter in letters}
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 500), (500, 500), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    box, glyphs = pen.glyph(), [".notdef", *names.values()]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(glyphs)
    font.setupCharacterMap(names)
    font.setupGlyf(dict.fromkeys(glyphs, box))
    font.setupHorizontalMetrics(dict.fromkeys(glyphs, (600, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": file.stem, "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(file)
    return file


def test_pdf_says_the_same_and_which_letters_it_has_not(lake: Path, capsys: pytest.CaptureFixture[str]):
    text = _pdf(lake / "out.pdf")

    assert text.count(b"November 2026") == 2
    assert b"617.2535" in text
    assert b"u4e2d" in text
    assert text.count(b"1 letter that is in no font is written as its number, like \\\\u4e2d.") == 1
    assert capsys.readouterr().err == (
        "warning: 1 letter that is in no font is written as its number, like \\u4e2d: settle.pdf_fonts may name fonts "
        "that have them\n"
    )


def test_pdf_has_the_letters_of_the_fonts_that_are_named(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    fonts = [_font(lake / "plain.ttf", string.printable.strip() + " "), _font(lake / "han.ttf", "中")]
    monkeypatch.setenv("SPANLEDGER_SETTLE_PDF_FONTS", ",".join(map(str, fonts)))

    text = _pdf(lake / "out.pdf")

    assert b"<4E2D>" in text
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.ttf", "No such file"),
        ("dims.toml", "is no TrueType or OpenType font"),
        ("bad.ttf", "is no TrueType or OpenType font"),
        ("han.ttf", "has ASCII"),
    ],
)
def test_a_font_that_cannot_print_a_statement_is_refused(
    name: str, why: str, lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    _font(lake / "han.ttf", "中")
    (lake / "bad.ttf").write_text("no font")
    monkeypatch.setenv("SPANLEDGER_SETTLE_PDF_FONTS", str(lake / name))

    assert main(["report", "chargeback", "--format", "pdf", "--out", str(lake / "out.pdf")]) == 2

    said = capsys.readouterr().err
    assert said.startswith(f"spanledger report: settle.pdf_fonts = {lake / name}: ")
    assert why in said
    assert not (lake / "out.pdf").exists()


@pytest.mark.usefixtures("lake")
def test_the_table_ends_with_the_sum_of_its_lines(capsys: pytest.CaptureFixture[str]):
    assert main(["report", "chargeback"]) == 0

    last = capsys.readouterr().out.splitlines()[-1].split()
    assert (last[0], last[1], last[-1]) == ("total", "3", "1,234.5070")


@pytest.mark.usefixtures("lake")
def test_only_statements_are_written_as_such(capsys: pytest.CaptureFixture[str]):
    assert main(["report", "waste", "--format", "markdown"]) == 2
    assert "is for chargeback" in capsys.readouterr().err


def test_a_bad_file_of_dimensions_stops_the_report_with_one_line(lake: Path, capsys: pytest.CaptureFixture[str]):
    (lake / "dims.toml").write_text("[levels.unit]\nover = 'tenannt'\nholds = {}")

    assert main(["report", "chargeback"]) == 2
    assert capsys.readouterr().err.startswith(f"spanledger report: {lake / 'dims.toml'}: levels.unit: over = 'tenannt'")
