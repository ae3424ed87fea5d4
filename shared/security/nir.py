"""The French social-security number (NIR) is refused wherever text about people or cases enters.

Found: 15 characters with a valid key, also spaced or Corsican (2A, 2B); or 13 bounded by non-digits whose sex,
month and département are valid. Identifiers, phones and URLs are exempt: do not use these types for them.
Source: INSEE, structure of the NIR; key = 97 - (number mod 97), Corsica 2A → 19, 2B → 18.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_SPACE = r"[\s./_\u2010-\u2015-]{0,3}"
# Inside a lookahead, so that a number read from a first digit never hides one that begins a little further.
_CANDIDATE = re.compile(
    rf"(?<!\d)(?=([1-478]){_SPACE}(\d\d){_SPACE}(\d\d){_SPACE}(\d\d|2[ABab]){_SPACE}(\d{{3}}){_SPACE}(\d{{3}})"
    rf"(?:({_SPACE})(\d\d)(?!\d)|(?!\d)))"
)

_DIGIT = re.compile(r"\d")
# Our own ids and most idempotency keys: one random UUID in 4,500 reads as thirteen digits with hyphens between.
_UUID = re.compile(r"(?<![0-9a-z-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z-])", re.IGNORECASE)


def contains_nir(text: str) -> bool:
    """Tell whether a text holds a social-security number; a UUID is never one.

    >>> contains_nir("rappeler le 01 48 95 20 52")
    False
    """
    if len(text) < 13:  # a number takes thirteen characters at least
        return False
    if len(_DIGIT.findall(text)) < 12:  # most texts stop here, and every id of every body comes by
        return False
    return any(_is_nir(found) for found in _CANDIDATE.finditer(_UUID.sub("uuid", text)))


def _is_nir(found: re.Match[str]) -> bool:
    sex, year, month, departement, commune, order, space, key = found.groups()
    if key is not None:
        digits = departement.upper().replace("2A", "19").replace("2B", "18")
        if 97 - int(sex + year + month + digits + commune + order) % 97 == int(key):
            return True
        if not space:
            return False  # fifteen digits in a row without a valid key: something else
    return sex in "12" and _valid_month(int(month)) and departement != "00"


def _valid_month(month: int) -> bool:
    # 20-42 and 50-99 stand for unknown or foreign civil records (INSEE).
    return 1 <= month <= 12 or 20 <= month <= 42 or month >= 50


def _refuse_nir(text: str) -> str:
    if contains_nir(text):
        raise ValueError("it holds a social-security number (NIR), which must never be written here")
    return text


WithoutNir = AfterValidator(_refuse_nir)
"""For texts with a shape of their own: put it last in an `Annotated[str, ...]`."""

ShortText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_refuse_nir)
]
"""A line about people or cases, at most 200 characters, without a NIR."""

FreeText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=4000), AfterValidator(_refuse_nir)
]
"""A note about people or cases, at most 4,000 characters, without a NIR."""
