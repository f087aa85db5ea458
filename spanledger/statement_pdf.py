r"""Statements as a PDF, in letters of the fonts that ``settle.pdf_fonts`` names.

Without one it is Helvetica, which every reader of PDF has: it has the letters of Latin-1. A letter that no font has is
written as its number, ``\u4e2d``; the statement says so, and so does the answer of ``write_pdf``.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from spanledger.errors import CannotRun
from spanledger.statements import NUMBERS, Statement, head_of, notes_of

if TYPE_CHECKING:
    from fpdf import FPDF

HELVETICA = "helvetica"
LATIN_1 = frozenset(range(0x100))
ASCII = frozenset(range(0x20, 0x7F))
_BLANK = "\xa0"
"""A letter that is printed, as nothing."""


def write_pdf(
    statements: Sequence[Statement], out: IO[bytes], *, taken_at: datetime, fonts: Sequence[str] = ()
) -> str | None:
    """One document, a statement begins a page; the answer is what is to be said of letters that no font has.

    Raises CannotRun where a font cannot be read.
    """
    from fpdf import FPDF

    pdf = FPDF(orientation="landscape", format="A4")
    pdf.set_creation_date(taken_at)
    pdf.set_title("Statements of LLM spend")
    family, letters = _use(pdf, fonts)
    lacking: set[str] = set()
    for statement in statements:
        said = [f"By {statement.kind}; snapshot of {taken_at:%Y-%m-%d %H:%M:%S}Z.", *notes_of(statement)]
        lines = [*statement.rows(), statement.total()]
        lacks = lacking_of([statement.title, *said, *(cell for line in lines for cell in line)], letters)
        if lacks:
            said.append(f"{_said(lacks)}.")
        lacking |= lacks
        pdf.add_page()
        pdf.set_font(family, style="B", size=14)
        pdf.multi_cell(0, 8, written(statement.title, lacks), new_x="LMARGIN", new_y="NEXT")
        pdf.set_font(family, size=8)
        pdf.multi_cell(0, 5, written(" ".join(said), lacks), new_x="LMARGIN", new_y="NEXT")
        _draw_lines(pdf, statement, [[written(cell, lacks) for cell in line] for line in lines])
    if not statements:
        pdf.add_page()
        pdf.set_font(family, size=10)
        pdf.cell(text="No lines.")
    out.write(bytes(pdf.output()))
    return f"{_said(lacking)}: settle.pdf_fonts may name fonts that have them" if lacking else None


def lacking_of(texts: Collection[str], letters: Collection[int]) -> set[str]:
    """The letters that cannot be printed by those that fonts have, or at all."""
    told = set("".join(texts))
    return {one for one in told if ord(one) not in letters or not (one.isprintable() or one == _BLANK)}


def written(text: str, lacking: Collection[str]) -> str:
    """The text with numbers for letters that are lacking."""
    return "".join(_number(letter) if letter in lacking else letter for letter in text)


def _number(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code in LATIN_1 else letter.encode("ascii", "backslashreplace").decode()


def _said(lacking: Collection[str]) -> str:
    what = (
        "1 letter that is in no font is written as its number"
        if len(lacking) == 1
        else (f"{len(lacking)} letters that are in no font are written as their numbers")
    )
    return f"{what}, like {_number(min(lacking))}"


def _use(pdf: FPDF, fonts: Sequence[str]) -> tuple[str, Collection[int]]:
    """The name of the font to print with, others behind it, and the letters that they have. Raises CannotRun."""
    if not fonts:
        return HELVETICA, LATIN_1
    families = {f"font{number}": Path(font).expanduser() for number, font in enumerate(fonts)}
    letters: set[int] = set()
    for family, file in families.items():
        letters |= _add(pdf, family, file)
    if missing := ASCII - letters:
        raise CannotRun(
            f"settle.pdf_fonts = {', '.join(fonts)}: none has {chr(min(missing))!r}; name one that has ASCII"
        )
    first, *others = families
    pdf.set_fallback_fonts(others, exact_match=False)
    return first, letters


def _add(pdf: FPDF, family: str, file: Path) -> set[int]:
    """The letters of a font, which is there for plain and for bold text from now on. Raises CannotRun."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        letters = set(TTFont(BytesIO(file.read_bytes()), fontNumber=0).getBestCmap())
        for style in ("", "B"):
            pdf.add_font(family, style, file)
    except OSError as error:
        raise CannotRun(f"settle.pdf_fonts = {file}: cannot be read: {error.strerror}") from error
    except (TTLibError, ValueError, TypeError, KeyError, RuntimeError, AssertionError, struct.error) as error:
        raise CannotRun(f"settle.pdf_fonts = {file}: is no TrueType or OpenType font that can be read") from error
    return letters


def _draw_lines(pdf: FPDF, statement: Statement, lines: Sequence[Sequence[str]]) -> None:
    align = tuple("RIGHT" if name in NUMBERS else "LEFT" for name in statement.columns)
    *body, total = lines
    with pdf.table(text_align=align, line_height=4.5, borders_layout="HORIZONTAL_LINES", padding=0.5) as table:
        table.row([head_of(name) for name in statement.columns])
        for line in body:
            table.row(line)
        pdf.set_font(style="B", size=8)
        table.row(total)
