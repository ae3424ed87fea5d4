"""Reading files of the national standard: what is kept, what is reported, and that nothing is lost."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.directory.model import FIELDS, Access, Cost, Itinerance, Label
from services.directory.standards.mednum import HeaderUnusable
from shared.events.vocabulary import Modality, StandardService
from tests.directory.material import BOBIGNY, SAMPLE, cells, csv_of, pieces, read, reading, said


def only(content: bytes):
    (result,) = read(content)
    return result


class TestRealSample:
    def test_every_row_is_imported_and_blanks_stay_blank(self) -> None:
        file = reading(SAMPLE.read_bytes())
        results = list(file)
        assert len(results) == 1663
        assert all(result.record is not None for result in results)
        assert file.header_notes == []
        assert file.blanks["publics_specifiquement_adresses"] == 1640
        assert sum(not result.record.publics_specifiquement_adresses for result in results) == 1640
        assert sum(not result.record.frais_a_charge for result in results) == 1005
        assert sum(not result.record.services for result in results) == 349
        assert sum(result.record.pivot is None for result in results) == 1651

    def test_a_venue_without_coordinates_takes_its_municipality_s_and_says_so(self) -> None:
        results = read(SAMPLE.read_bytes())
        lent = [
            note for result in results for note in result.notes if note.rule == "position_from_municipality"
        ]
        assert [(note.row, note.value) for note in lent] == [(843, "2A004")]
        assert all(result.record.latitude is not None for result in results)

    def test_cutting_the_file_anywhere_changes_nothing(self) -> None:
        content = SAMPLE.read_bytes()[:40_000]
        assert read(*pieces(content, 7)) == read(content)


class TestEncoding:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
    def test_accents_survive(self, encoding: str) -> None:
        result = only(csv_of(cells(nom="Médiathèque d'Évry")).decode().encode(encoding))
        assert result.record.nom == "Médiathèque d'Évry"
        assert result.record.services == (StandardService.DEMARCHES,)

    def test_latin_1_is_said_once(self) -> None:
        content = csv_of(cells(), cells(id="v-2")).decode().encode("latin-1")
        assert [note[2] for note in said(read(content))] == ["encoding"]

    @pytest.mark.parametrize("end", ["\r\n", "\r"])
    def test_other_line_ends(self, end: str) -> None:
        content = csv_of(cells(), cells(id="v-2")).replace(b"\n", end.encode())
        assert [result.record.id for result in read(content)] == ["v-1", "v-2"]


class TestHeader:
    def test_without_id_or_name_the_file_is_refused_by_name(self) -> None:
        with pytest.raises(HeaderUnusable) as refused:
            reading(b"a,b,c\n1,2,3\n")
        assert refused.value.missing == ["id", "nom"]

    def test_an_empty_file_is_refused(self) -> None:
        with pytest.raises(HeaderUnusable):
            reading(b"")

    def test_missing_unknown_and_disordered_columns_are_reported_and_read_by_name(self) -> None:
        columns = [name for name in FIELDS if name != "prise_rdv"]
        columns[0], columns[2] = columns[2], columns[0]
        file = reading(csv_of(cells(), columns=[*columns, "couleur"]))
        rules = {(note.rule.value, note.field, note.value) for note in file.header_notes}
        assert rules == {
            ("column_missing", "prise_rdv", None),
            ("column_unknown", None, "couleur"),
            ("columns_disordered", None, None),
        }
        (result,) = list(file)
        assert (result.record.id, result.record.nom) == ("v-1", "Médiathèque")

    def test_another_separator_is_recognised(self) -> None:
        out = io.StringIO()
        writer = csv.DictWriter(out, list(FIELDS), delimiter=";")
        writer.writeheader()
        writer.writerow(cells())
        file = reading(out.getvalue().encode())
        assert [(note.rule.value, note.value) for note in file.header_notes] == [("separator", ";")]
        assert next(iter(file)).record.id == "v-1"


class TestRows:
    def test_a_social_security_number_is_dropped_and_not_repeated(self) -> None:
        results = read(
            csv_of(cells(presentation_detail="voir 2 69 05 99 123 456 62", typologie="269059912345662|BIB"))
        )
        assert said(results) == [
            (2, "typologie", "social_security_number", "dropped"),
            (2, "presentation_detail", "social_security_number", "dropped"),
        ]
        assert "69" not in repr(results[0].notes)
        assert (results[0].record.presentation_detail, results[0].record.typologie) == (None, ("BIB",))

    def test_bad_rows_do_not_stop_the_file(self) -> None:
        good, end = csv_of(cells()), csv_of(cells(id="last")).split(b"\n", 1)[1]
        content = good + b"too,short\n" + b"x" + b",y" * 40 + b"\n" + end
        results = read(content)
        assert [result.record.id if result.record else None for result in results] == [
            "v-1",
            None,
            None,
            "last",
        ]
        assert said(results) == [
            (3, None, "row_too_short", "rejected"),
            (4, None, "row_too_long", "rejected"),
        ]

    def test_half_a_line_at_the_end_is_reported(self) -> None:
        content = csv_of(cells(), cells(id="v-2"))[:-200]
        assert [note[2] for note in said(read(content))] == ["row_too_short"]

    def test_one_unclosed_quote_costs_one_row(self) -> None:
        rows = csv_of(cells(), cells(id="bad", nom="X"), cells(id="v-3"), cells(id="v-4"))
        results = read(rows.replace(b"bad,", b'"bad,'))
        assert [result.record.id if result.record else None for result in results] == [
            "v-1",
            None,
            "v-3",
            "v-4",
        ]
        assert said(results) == [(3, None, "unclosed_quote", "rejected")]

    def test_two_stray_quotes_do_not_swallow_the_rows_between_them(self) -> None:
        rows = csv_of(cells(), cells(id="bad"), cells(id="v-3"), cells(id="worse"), cells(id="v-5"))
        results = read(rows.replace(b"bad,", b'"bad,').replace(b"worse,", b'"worse,'))
        assert [result.record.id if result.record else None for result in results] == [
            "v-1",
            None,
            "v-3",
            None,
            "v-5",
        ]

    def test_a_cell_over_several_lines_is_one_row(self) -> None:
        result = only(csv_of(cells(presentation_detail="une\nligne, deux")))
        assert result.record.presentation_detail == "une\nligne, deux"

    def test_a_quote_inside_a_cell_is_text(self) -> None:
        content = csv_of(cells(nom="EcranN"), cells(id="v-2", nom="EcranN")).replace(
            b"EcranN", b'Ecran 5" plat'
        )
        assert [result.record.nom for result in read(content)] == ['Ecran 5" plat'] * 2

    def test_a_million_characters_in_a_cell_cost_the_cell(self) -> None:
        results = read(csv_of(cells(presentation_detail="x" * 1_000_000), cells(id="v-2")))
        assert [result.record.id for result in results] == ["v-1", "v-2"]
        (note,) = results[0].notes
        assert (note.field, note.rule, note.severity) == ("presentation_detail", "cell_too_long", "dropped")
        assert len(note.value) <= 80
        assert results[0].record.presentation_detail is None

    def test_nul_bytes_are_removed_and_said(self) -> None:
        result = only(csv_of(cells(nom="Média@thèque")).replace(b"@", b"\x00"))
        assert result.record.nom == "Médiathèque"
        assert [note.rule for note in result.notes] == ["nul_byte"]

    def test_the_second_of_two_venues_with_one_id_is_rejected(self) -> None:
        results = read(csv_of(cells(nom="Premier"), cells(nom="Second")))
        assert results[0].record.nom == "Premier"
        assert results[1].record is None
        assert said(results) == [(3, "id", "duplicate_id", "rejected")]

    @pytest.mark.parametrize("column", ["id", "nom"])
    def test_a_row_that_cannot_be_identified_is_rejected(self, column: str) -> None:
        assert said(read(csv_of(cells(**{column: "  "})))) == [(2, column, "required_blank", "rejected")]

    def test_a_social_security_number_is_not_repeated(self) -> None:
        (note,) = only(csv_of(cells(telephone="2 55 08 14 168 025 38"))).notes
        assert (note.rule, note.value) == ("bad_format", "(numéro masqué)")

    def test_rows_are_numbered_as_a_spreadsheet_does(self) -> None:
        content = csv_of(cells(presentation_detail="a\nb")) + b"\n" + csv_of(cells(id="")).split(b"\n", 1)[1]
        assert [result.row for result in read(content)] == [2, 4]


CELLS = [
    ("services", "|Aide aux démarches administratives|", (StandardService.DEMARCHES,), "value_normalised"),
    ("services", "Comprehension du monde numérique", (StandardService.CULTURE,), "value_normalised"),
    ("services", "Aide aux démarches administratives|Cuisine", (StandardService.DEMARCHES,), "unknown_value"),
    ("modalites_acces", "Ce lieu n’accueille pas de public", (Access.PAS_DE_PUBLIC,), "value_normalised"),
    ("formations_labels", "Étapes numériques(La Poste)", (Label.ETAPES,), "value_normalised"),
    ("formations_labels", "Étapes numériques (La Poste)", (Label.ETAPES,), None),
    ("frais_a_charge", "Gratuit;Payant", (Cost.GRATUIT, Cost.PAYANT), "value_normalised"),
    ("itinerance", "Itinérant|Fixe", (Itinerance.ITINERANT, Itinerance.FIXE), None),
    (
        "modalites_accompagnement",
        "Dans un atelier collectif : j'apprends collectivement à utiliser le numérique",
        (Modality.ATELIER,),
        "value_normalised",
    ),
    ("pivot", "00000000000000", None, None),
    ("pivot", "abc", None, "bad_format"),
    ("telephone", "01 48 95 20 52", "+33148952052", "value_normalised"),
    ("telephone", "0262 12 34 56", "+262262123456", "value_normalised"),
    ("telephone", "+33148952052", "+33148952052", None),
    ("telephone", "appeler Claire", None, "bad_format"),
    ("telephone", "+33148952052|+33148952053", "+33148952052", "too_many_values"),
    ("site_web", "www.example.org", ("https://www.example.org",), "value_normalised"),
    ("site_web", "javascript:alert(1)", (), "bad_format"),
    ("courriels", "a@example.org|pas un courriel", ("a@example.org",), "bad_format"),
    ("date_maj", "31/01/2026", "2026-01-31", "value_normalised"),
    ("date_maj", "2026-13-01", None, "bad_date"),
    ("date_maj", "2027-01-01", None, "date_in_future"),
    ("code_postal", "1000", "01000", "value_normalised"),
    ("code_insee", "20004", "93008", "bad_format"),
    ("latitude", "48,906579", 48.906579, "value_normalised"),
    ("presentation_resume", "mot " * 100, "mot " * 68 + "mot…", "cell_too_long"),
]


@pytest.mark.parametrize(("column", "text", "kept", "rule"), CELLS)
def test_cells(column: str, text: str, kept: object, rule: str | None) -> None:
    result = only(csv_of(cells(**{column: text})))
    value = getattr(result.record, column)
    assert (str(value) if column == "date_maj" and value else value) == kept
    about_it = [note.rule.value for note in result.notes if note.field == column]
    assert about_it[:1] == ([rule] if rule else [])


class TestPosition:
    def place(self, **changes: str):
        result = only(csv_of(cells(**changes)))
        return result.record, [note.rule.value for note in result.notes]

    def test_swapped_coordinates_are_turned_round(self) -> None:
        venue, rules = self.place(latitude="2.442389", longitude="48.906579")
        assert (venue.latitude, venue.longitude) == (48.906579, 2.442389)
        assert rules == ["coordinates_swapped"]

    @pytest.mark.parametrize(("latitude", "longitude"), [("0", "0"), ("489.06", "2.44"), ("91", "181")])
    def test_impossible_coordinates_give_way_to_the_municipality(self, latitude: str, longitude: str) -> None:
        venue, rules = self.place(latitude=latitude, longitude=longitude)
        assert (venue.latitude, venue.longitude) == BOBIGNY
        assert rules == ["coordinates_out_of_range", "position_from_municipality"]

    def test_half_a_position_is_none(self) -> None:
        venue, rules = self.place(longitude="")
        assert (venue.latitude, venue.longitude) == BOBIGNY
        assert rules == ["coordinates_incomplete", "position_from_municipality"]

    def test_a_municipality_is_found_by_postcode_and_name(self) -> None:
        venue, rules = self.place(
            code_insee="", latitude="", longitude="", code_postal="93200", commune="ST DENIS"
        )
        assert venue.code_insee == "93066"
        assert rules == ["municipality_from_postcode", "position_from_municipality"]

    def test_nobody_knows_where(self) -> None:
        venue, rules = self.place(code_insee="", latitude="", longitude="", code_postal="", commune="")
        assert (venue.latitude, venue.longitude) == (None, None)
        assert rules == ["required_blank", "required_blank", "position_unknown"]

    def test_a_place_far_from_its_municipality_is_kept_and_said(self) -> None:
        venue, rules = self.place(latitude="43.6", longitude="1.44")
        assert (venue.latitude, rules) == (43.6, ["far_from_municipality"])


noise = st.sampled_from(
    [
        '"',
        ",",
        "\n",
        "\r\n",
        "\r",
        "|",
        ";",
        "\x00",
        "é",
        "’",
        "\ufeff",
        "=HYPERLINK(1)",
        " ",
        "9" * 40,
        "0",
        "-",
    ]
)
texts = st.lists(noise | st.text(max_size=12), max_size=8).map("".join)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.dictionaries(st.sampled_from(FIELDS), texts, max_size=12), max_size=6))
def test_every_well_formed_row_comes_out_once(rows: list[dict[str, str]]) -> None:
    written = [
        cells(id=f"v-{number}") | {k: v for k, v in row.items() if k != "id"}
        for number, row in enumerate(rows)
    ]
    content = csv_of(*written, quoting=csv.QUOTE_ALL)
    results = read(content)
    assert len(results) == len(rows)
    for result in results:
        rejected = [note for note in result.notes if note.severity == "rejected"]
        assert (result.record is None) == bool(rejected)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_file_stops_it_or_hides_a_row(data: st.DataObject) -> None:
    survives_damage(data)


@pytest.mark.long
@settings(max_examples=10_000, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_file_stops_it_or_hides_a_row_for_long(data: st.DataObject) -> None:
    survives_damage(data)


def survives_damage(data: st.DataObject) -> None:
    content = bytearray(csv_of(*(cells(id=f"v-{number}") for number in range(6))))
    header = content.index(b"\n") + 1
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(header, len(content) - 1))
        cut = data.draw(st.integers(0, 30))
        content[place : place + cut] = data.draw(st.binary(max_size=12) | noise.map(str.encode))
    results = read(bytes(content))
    kept = {result.record.id for result in results if result.record is not None}
    said_of = [result for result in results if result.record is None]
    assert all(result.notes for result in said_of)
    lines = bytes(content).splitlines()
    untouched = {f"v-{n}" for n in range(6) if csv_of(cells(id=f"v-{n}")).split(b"\n")[1] in lines}
    assert untouched <= kept
