"""Municipalities, sentences, encodings: the small pure parts, and the examples in their docstrings."""

import doctest
import json
from importlib import import_module

import pytest
from pydantic import ValidationError

from services.directory.matching.model import Answer, Reason, ReasonCode, RuleCode
from services.directory.matching.needs import NEEDS_FILE, NeedTable
from services.directory.matching.rules import IMPLICIT, RULES
from services.directory.matching.texts import exclusion_text, reason_text
from services.directory.municipalities import Found
from tests.directory.material import BOBIGNY, municipalities

DOCUMENTED = (
    "model",
    "municipalities",
    "matching.columns",
    "matching.texts",
    "standards.cells",
    "standards.notes",
)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_examples_in_docstrings(name: str) -> None:
    outcome = doctest.testmod(import_module(f"services.directory.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


class TestMunicipalities:
    def test_by_code(self) -> None:
        found = municipalities().by_code("93008")
        assert found is not None
        assert (found.nom, found.departement, found.latitude, found.longitude) == ("Bobigny", "93", *BOBIGNY)

    @pytest.mark.parametrize("code", ["93999", "", "é", "930080"])
    def test_unknown_codes(self, code: str) -> None:
        assert municipalities().by_code(code) is None

    @pytest.mark.parametrize(
        ("code", "name"), [("75056", "Paris"), ("69123", "Lyon"), ("13055", "Marseille")]
    )
    def test_whole_cities_are_known_although_the_file_has_districts_only(self, code: str, name: str) -> None:
        found = municipalities().by_code(code)
        assert found is not None
        assert found.nom == name
        assert found.latitude is not None

    def test_a_former_municipality_stays_findable(self) -> None:
        found = municipalities().by_code("16140")
        assert found is not None
        assert not found.current

    def test_a_postcode_may_serve_many(self) -> None:
        assert [one.nom for one in municipalities().by_postcode("93000")] == ["Bobigny"]
        assert len(municipalities().by_postcode("23000")) > 3
        assert municipalities().by_postcode("99999") == []

    def test_resolution_prefers_the_code_then_the_name(self) -> None:
        resolve = municipalities().resolve
        assert resolve("93008", "75001", "Paris")[1] is Found.BY_CODE
        found, how = resolve(None, "20200", "Ville-di-Pietrabugno")
        assert (found.code_insee, how) == ("2B353", Found.BY_POSTCODE_AND_NAME)
        assert resolve(None, "23000", "Nulle-Part") is None
        assert resolve(None, "93000", "Bobiny")[1] is Found.BY_POSTCODE

    def test_nearest(self) -> None:
        assert municipalities().nearest(48.9, 2.44).departement == "93"
        assert municipalities().nearest(0.0, 0.0) is None


class TestNeeds:
    def test_a_forgotten_need_does_not_load(self) -> None:
        content = json.loads(NEEDS_FILE.read_text())
        del content["needs"]["vault"]
        with pytest.raises(ValidationError, match="says nothing of vault"):
            NeedTable.model_validate(content)

    def test_a_word_that_is_not_the_standard_s_does_not_load(self) -> None:
        content = json.loads(NEEDS_FILE.read_text())
        content["needs"]["safety"]["any_of"][0]["services"] = ["Sécurité"]
        with pytest.raises(ValidationError, match="services"):
            NeedTable.model_validate(content)


def test_each_rule_has_a_sentence_for_each_answer_it_may_give() -> None:
    for rule in RULES:
        answers = {Answer.NO} if rule.soft else {Answer.YES, Answer.UNKNOWN}
        if rule.code in IMPLICIT:
            answers = {Answer.UNKNOWN} if rule.code is RuleCode.STOPS else set()
        for answer in answers:
            assert reason_text(Reason(ReasonCode.RULE, answer, rule.code.value))
        if not rule.soft:
            assert exclusion_text(rule.code)
