"""Is there personal data in a text? Patterns, each with a check of its own, so that a number is not a card by chance.

=================  ==================================================================================================
``email``          a local part, ``@``, a domain with a top level of two letters or more
``phone``          in international form: ``+`` or ``00``, a country calling code, 8 to 15 digits in all
``payment_card``   13 to 19 digits of a known issuer's range and length, with a right Luhn digit
``iban``           a country's length and a right checksum (ISO 13616, mod 97)
``us_ssn``         ``AAA-GG-SSSS``, no area, group or serial that is never given out
``ip_address``     IPv4 or IPv6, but for loopback, private, link-local and unspecified ones: they point at nobody
``national_id``    where a number can be checked: Spain (DNI, NIE), Italy, France, Belgium, Poland, Brazil, Finland
=================  ==================================================================================================

Names, postal addresses and everything else that only a reader knows are not found: ``false`` says that none of these
patterns is there, not that the text is free of personal data.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

_SEPARATORS = str.maketrans("", "", " -.()/\u00a0\u2011")
_SPLIT = r"[ .\-]?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of personal data: what it looks like, and whether a match is one."""

    name: str
    pattern: re.Pattern[str]
    needs: str  # a text without it need not be searched
    check: Callable[[str], bool]


def kinds(text: str) -> frozenset[str]:
    """Names of all kinds that are in the text."""
    return frozenset(kind.name for kind in _worth_while(text) if _has(kind, text))


def is_personal(text: str) -> bool:
    """Whether any kind is in the text."""
    return any(_has(kind, text) for kind in _worth_while(text))


def _worth_while(text: str) -> tuple[Kind, ...]:
    return (*KINDS, *NUMBERS) if _SEVEN_DIGITS.search(text) else KINDS


def _has(kind: Kind, text: str) -> bool:
    return kind.needs in text and any(kind.check(match.group()) for match in kind.pattern.finditer(text))


def _always(_: str) -> bool:
    return True


def _digits(text: str) -> list[int]:
    return [int(character) for character in text if character.isascii() and character.isdigit()]


def luhn(digits: list[int]) -> bool:
    """Whether the last digit is right (ISO/IEC 7812-1, annex B)."""
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_card(text: str) -> bool:
    number = "".join(map(str, _digits(text)))
    known = any(len(number) in lengths and re.match(start, number) for start, lengths in _ISSUERS)
    return known and len(set(number)) > 1 and luhn(_digits(text))


def _is_iban(text: str) -> bool:
    code = text.translate(_SEPARATORS).upper()
    if _IBAN_LENGTHS.get(code[:2]) != len(code):
        return False
    return int("".join(str(int(character, 36)) for character in code[4:] + code[:4])) % 97 == 1


def _is_phone(text: str) -> bool:
    digits = "".join(map(str, _digits(text)))
    if text.startswith("00"):
        digits = digits[2:]
    return 8 <= len(digits) <= 15 and not digits.startswith("0") and len(set(digits)) > 2  # noqa: PLR2004 -- E.164


def _is_ssn(text: str) -> bool:
    area, group, serial = text.split(text[3])
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _is_address(text: str) -> bool:
    if ":" in text and "::" not in text and text.count(":") != 7:  # noqa: PLR2004 -- eight groups
        return False
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    nobody = address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast
    return not nobody and not any(address in network for network in _PRIVATE if network.version == address.version)


def _is_spanish(text: str) -> bool:
    code = text.translate(_SEPARATORS).upper()
    number = code[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == code[-1]


def _is_italian(text: str) -> bool:
    odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
    code = text.upper()
    values = [int(c) if c.isdigit() else ord(c) - ord("A") for c in code[:15]]
    total = sum(odd[value] if place % 2 == 0 else value for place, value in enumerate(values))
    return chr(ord("A") + total % 26) == code[15]


def _is_french(text: str) -> bool:
    code = text.translate(_SEPARATORS).upper().replace("2A", "19").replace("2B", "18")
    return code.isdigit() and len(code) == 15 and 97 - int(code[:13]) % 97 == int(code[13:])  # noqa: PLR2004 -- NIR


def _is_belgian(text: str) -> bool:
    digits = "".join(map(str, _digits(text)))
    return any(97 - int(century + digits[:9]) % 97 == int(digits[9:]) for century in ("", "2"))


def _is_polish(text: str) -> bool:
    digits = _digits(text)
    month, day = (digits[2] * 10 + digits[3]) % 20, digits[4] * 10 + digits[5]
    total = sum(digit * weight for digit, weight in zip(digits, (1, 3, 7, 9) * 2 + (1, 3), strict=False))
    return 1 <= month <= 12 and 1 <= day <= 31 and (10 - total % 10) % 10 == digits[10]  # noqa: PLR2004 -- a date


def _is_brazilian(text: str) -> bool:
    digits = _digits(text)
    if len(set(digits)) == 1:
        return False
    for length in (9, 10):
        total = sum(digit * (length + 1 - place) for place, digit in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != digits[length]:
            return False
    return True


def _is_finnish(text: str) -> bool:
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(text[:6] + text[7:10]) % 31] == text[10].upper()


_ISSUERS = (
    (r"4", (13, 16, 19)),
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),
    (r"3[47]", (15,)),
    (r"6011|64[4-9]|65", (16, 17, 18, 19)),
    (r"352[89]|35[3-8]", (16, 17, 18, 19)),
    (r"30[0-5]|36|38|39", (14, 16)),
    (r"62", (16, 17, 18, 19)),
    (r"50|5[6-9]|67", (16,)),
)
"""Start of a card number and the lengths that its issuer gives out (ISO/IEC 7812 ranges of the large schemes)."""

_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "18": "DK FO FI GL NL SD", "19": "MK SI", "20": "AT BA EE KZ LT LU XK",
        "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA", "23": "AE GI IL IQ OM TL SO",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST", "26": "IS TR", "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HU LB NI PL SV", "29": "BR EG PS QA UA", "30": "JO KW MU YE", "31": "MT SC",
        "32": "LC", "33": "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Characters of an IBAN by country (SWIFT's registry)."""

_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "255.255.255.255/32", "fc00::/7")
)


def _kind(name: str, pattern: str, needs: str = "", check: Callable[[str], bool] = _always) -> Kind:
    return Kind(name=name, pattern=re.compile(pattern, re.ASCII), needs=needs, check=check)


# A pattern begins with a set or a literal, so that the engine can skip to it, and looks behind itself only then.
_NEW = r"(?<![\w.+-].)"
_END = r"(?![\w-]|\.\d)"
_SEVEN_DIGITS = re.compile(r"\d(?:[ .+A-]?\d){6}", re.ASCII)
_REST = r"(?:[ .\-/()]{0,2}\d){7,14}(?!\d)"

KINDS = (
    _kind("email", r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?![\w-])", "@"),
    _kind("phone", rf"\+(?<![\w.+].)[1-9]{_REST}", "+", _is_phone),
    _kind("phone", rf"00(?<![\w.+]..)(?<!\d[ .-]..)[1-9]{_REST}", "00", _is_phone),
    _kind("iban", rf"[A-Z]{_NEW}[A-Z]\d\d(?: ?[A-Z0-9]){{11,30}}(?![A-Za-z0-9])", check=_is_iban),
    _kind(
        "iban", rf"[A-Z]{_NEW}[A-Z]\d\d(?: [A-Z0-9]{{4}}){{2,7}}(?: [A-Z0-9]{{1,3}})?(?![A-Za-z0-9])", check=_is_iban
    ),
    _kind("ip_address", r"\d(?<![\w.:-].)(?<!version .)\d{0,2}(?:\.\d{1,3}){3}(?![\w-]|\.\d)", ".", _is_address),
    _kind("ip_address", r"[0-9A-Fa-f:](?<![\w.:].)[0-9A-Fa-f:]{2,38}(?![\w:])", ":", _is_address),
    _kind("national_id", rf"[A-Z]{_NEW}[A-Z]{{5}}\d\d[A-EHLMPRST]\d\d[A-Z]\d{{3}}[A-Z]{_END}", check=_is_italian),
)

NUMBERS = (
    _kind("payment_card", rf"[2-6]{_NEW}\d{{3}}(?:{_SPLIT}\d){{9,15}}{_END}", check=_is_card),
    _kind("us_ssn", rf"\d{_NEW}\d\d([- ])\d\d\1\d{{4}}{_END}", check=_is_ssn),
    _kind("national_id", rf"\d{_NEW}\d{{7}}-?[A-Z]{_END}", check=_is_spanish),
    _kind("national_id", rf"[XYZ]{_NEW}-?\d{{7}}-?[A-Z]{_END}", check=_is_spanish),
    _kind("national_id", rf"[12]{_NEW} ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{{3}} ?\d{{3}} ?\d\d{_END}", check=_is_french),
    _kind("national_id", rf"\d{_NEW}\d\.\d\d\.\d\d-\d{{3}}\.\d\d{_END}", ".", _is_belgian),
    _kind("national_id", rf"\d{_NEW}\d{{10}}{_END}", check=_is_polish),
    _kind("national_id", rf"\d{_NEW}\d\d\.\d{{3}}\.\d{{3}}-\d\d{_END}", ".", _is_brazilian),
    _kind("national_id", rf"\d{_NEW}\d{{5}}[-+A]\d{{3}}[0-9A-FHJ-NPR-Y]{_END}", check=_is_finnish),
)
"""Kinds that have at least seven digits, perhaps with a separator between any two."""
