"""A social-security number is found however it is written, and other numbers are not taken for one."""

import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.security.nir import FreeText, ShortText, contains_nir

# Source of the example: INSEE's own documentation of the number; nobody bears it.
EXAMPLE = "255081416802538"

around = st.sampled_from(["", " ", "nir", "n° ", "(", "\n", ": ", "é", ", "])
spaces = st.sampled_from(["", " ", ".", "-", "\u00a0", "\u202f", "  ", " - ", "/", "_", "\u2011"])
departements = st.integers(1, 99).map("{:02d}".format) | st.sampled_from(["2A", "2B", "2a", "2b"])


@st.composite
def numbers(draw: st.DrawFn, sexes: str) -> list[str]:
    """Return the six parts before the key: sex, year, month, département, commune, order."""
    return [
        draw(st.sampled_from(sexes)),
        f"{draw(st.integers(0, 99)):02d}",
        f"{draw(st.integers(1, 12)):02d}",
        draw(departements),
        f"{draw(st.integers(1, 990)):03d}",
        f"{draw(st.integers(1, 999)):03d}",
    ]


def key_of(parts: list[str]) -> str:
    """Return the key, the way INSEE words it: Corsica counts as 20, less one or two million."""
    letters = parts[3].upper()
    number = int("".join(parts).upper().replace("2A", "20").replace("2B", "20"))
    number -= {"2A": 1_000_000, "2B": 2_000_000}.get(letters, 0)
    return f"{97 - number % 97:02d}"


@given(numbers("123478"), spaces, around, around)
def test_fifteen_characters_with_a_valid_key_are_found(
    parts: list[str], space: str, before: str, after: str
) -> None:
    assert contains_nir(before + space.join([*parts, key_of(parts)]) + after)


@given(numbers("12"), spaces, around, around)
def test_thirteen_characters_between_other_things_are_found(
    parts: list[str], space: str, before: str, after: str
) -> None:
    assert contains_nir(before + space.join(parts) + after)


@given(numbers("12"), st.text(max_size=60).filter(lambda text: not text[-1:].isdigit()), st.text(max_size=60))
def test_no_text_around_hides_it(parts: list[str], before: str, after: str) -> None:
    assert contains_nir(before + "".join([*parts, key_of(parts)]) + " " + after)


@given(numbers("12"), st.integers(1, 97).map("{:02d}".format))
def test_a_wrong_key_written_apart_does_not_hide_the_thirteen(parts: list[str], key: str) -> None:
    assert contains_nir("".join(parts) + " " + key)


@given(numbers("12"), st.integers(1, 97).map("{:02d}".format))
def test_fifteen_digits_in_a_row_need_a_valid_key(parts: list[str], key: str) -> None:
    assert contains_nir("".join(parts) + key) is (key == key_of(parts))


@given(numbers("12"), st.integers(0, 9))
def test_thirteen_digits_inside_a_longer_number_are_something_else(parts: list[str], digit: int) -> None:
    assert not contains_nir("".join(parts) + str(digit))


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        "2 55 08 14 168 025 38",
        "Mme L., 2 55 08 14 168 025, rappeler lundi",
        "2550814168025 clé 38",
        "2.55.08.14.168.025.38",
        "1 69 05 2A 004 123",
        "169052b004123",
        "né le 3 : 1 12 05 93 2 55 08 14 168 025 38",  # a first reading that fails must not swallow the number
    ],
)
def test_ways_of_writing_it(text: str) -> None:
    assert contains_nir(text)


@pytest.mark.parametrize("month", ["00", "13", "19", "43", "49"])
def test_thirteen_digits_with_an_impossible_month_are_something_else(month: str) -> None:
    assert not contains_nir(f"1 84 {month} 76 451 089")


@pytest.mark.parametrize("parts", ["3 84 12 76 451 089", "5 84 12 76 451 089", "1 84 12 00 451 089"])
def test_thirteen_digits_with_another_sex_or_departement_are_something_else(parts: str) -> None:
    assert not contains_nir(parts)


digits = st.integers(0, 9).map(str)


def run_of(size: int) -> st.SearchStrategy[str]:
    return st.lists(digits, min_size=size, max_size=size).map("".join)


phones = st.tuples(
    st.sampled_from(["0", "+33", "+33 ", "0033", "(+33) ", "+33 (0)"]),
    st.integers(1, 9).map(str),
    st.lists(run_of(2), min_size=4, max_size=4),
    st.sampled_from([" ", ".", "-", ""]),
).map(lambda parts: parts[0] + parts[3].join([parts[1], *parts[2]]))


@given(st.lists(phones, min_size=1, max_size=4), st.sampled_from([", ", " / ", " ou ", " ", "\n"]))
def test_phones_are_not_taken_for_it(numbers: list[str], between: str) -> None:
    assert not contains_nir("appeler le " + between.join(numbers))


@given(run_of(14), st.sampled_from(["{}", "SIRET {}.", "siret:{}", "{} 93000 Bobigny"]))
def test_a_siret_is_not_taken_for_it(siret: str, text: str) -> None:
    assert not contains_nir(text.format(siret))


@given(run_of(14))
def test_a_siret_as_it_is_printed_is_not_taken_for_it(siret: str) -> None:
    assert not contains_nir(f"SIRET {siret[:3]} {siret[3:6]} {siret[6:9]} {siret[9:]}")


@given(run_of(25), st.booleans())
def test_an_iban_is_not_taken_for_it(number: str, spaced: bool) -> None:
    iban = "FR" + number
    assert not contains_nir(re.sub(r"(.{4})", r"\1 ", iban) if spaced else iban)


@given(st.datetimes(min_value=datetime(1900, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_dates_are_not_taken_for_it(moment: datetime) -> None:
    for form in ("%d/%m/%Y", "%Y-%m-%d", "%d %m %y", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S", "%d.%m.%Y à %Hh%M"):
        assert not contains_nir(f"né le {moment.strftime(form)}, vu le {moment.strftime(form)}")


@given(st.lists(run_of(5), min_size=1, max_size=2), st.sampled_from([" ", ", ", ";"]))
def test_commune_codes_are_not_taken_for_it(codes: list[str], between: str) -> None:
    assert not contains_nir("communes " + between.join(codes))


@pytest.mark.parametrize("text", ["{}", "case {}.", "urn:uuid:{}", "{}:1"])
def test_a_uuid_is_not_taken_for_it(text: str) -> None:
    reads_as_thirteen_digits = "8567331d-5a23-4fdb-b153-9763049958c1"
    assert not contains_nir(text.format(reads_as_thirteen_digits))
    assert not contains_nir(text.format(reads_as_thirteen_digits.upper()))


def test_a_uuid_beside_it_does_not_hide_it() -> None:
    assert contains_nir(f"8567331d-5a23-4fdb-b153-9763049958c1 {EXAMPLE}")


@given(st.uuids())
def test_no_uuid_is_taken_for_it(identifier: object) -> None:
    assert not contains_nir(str(identifier))


@given(st.text(max_size=300))
def test_any_text_is_read_without_failing(text: str) -> None:
    assert contains_nir(text) in (True, False)


@pytest.mark.parametrize("kind", [ShortText, FreeText])
def test_a_field_refuses_it_and_does_not_repeat_it(kind: Any) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    assert adapter.validate_python("  rappeler le 01 48 95 20 52 ") == "rappeler le 01 48 95 20 52"
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(f"son numéro : {EXAMPLE}")
    (problem,) = refused.value.errors(include_input=False, include_context=False)
    assert "social-security number" in problem["msg"]
    assert EXAMPLE not in str(problem)


@pytest.mark.parametrize(("kind", "longest"), [(ShortText, 200), (FreeText, 4000)])
def test_a_field_has_a_bound(kind: Any, longest: int) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    assert adapter.validate_python("a" * longest) == "a" * longest
    with pytest.raises(ValidationError):
        adapter.validate_python("a" * (longest + 1))
