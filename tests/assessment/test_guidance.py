"""Guidance pages: online and otherwise, every fact with its source and date, nothing stale shown."""

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.assessment.guidance import (
    Guidance,
    GuidanceRefused,
    WayKind,
    parse_guidance_page,
    parse_recourse,
)
from tests.assessment.material import PACKAGE, QUESTIONNAIRE

TODAY = date(2026, 11, 23)
FILES = sorted(path for path in (PACKAGE / "guidance").glob("*.json") if path.stem != "recourse")
RECOURSE: dict[str, Any] = json.loads((PACKAGE / "guidance" / "recourse.json").read_text("utf-8"))


def _page() -> dict[str, Any]:
    page: dict[str, Any] = json.loads((PACKAGE / "guidance" / "health_cover.json").read_text("utf-8"))
    return copy.deepcopy(page)


def _guidance(*pages: dict[str, Any]) -> Guidance:
    recourse = parse_recourse(RECOURSE, source="recourse.json")
    return Guidance((parse_guidance_page(page, source="page.json") for page in pages), recourse)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_shipped_page_loads_under_its_name_and_shows_both_ways(path: Path) -> None:
    raw = json.loads(path.read_text("utf-8"))
    (shown,) = _guidance(raw).shown(TODAY)
    assert shown.id == path.stem
    assert shown.online
    assert shown.without_internet
    assert shown.hidden_facts == 0


def test_each_procedure_of_the_questionnaire_leads_to_a_shipped_page() -> None:
    assert set(QUESTIONNAIRE.meanings.procedures.guidance.values()) == {path.stem for path in FILES}


def test_a_page_without_a_way_without_internet_does_not_load() -> None:
    with pytest.raises(GuidanceRefused, match="way without internet or none_known"):
        parse_guidance_page({**_page(), "without_internet": []}, source="page.json")


def test_a_page_may_say_that_none_is_known_with_the_recourse() -> None:
    page = {**_page(), "without_internet": [], "none_known": RECOURSE}
    (shown,) = _guidance(page).shown(TODAY)
    assert [fact.text for fact in shown.recourse] == [
        RECOURSE[part]["text"] for part in ("legal_note", "assisted_point", "delegate")
    ]


def test_none_known_needs_the_delegate_too() -> None:
    partial = {key: value for key, value in RECOURSE.items() if key != "delegate"}
    with pytest.raises(GuidanceRefused, match="delegate"):
        parse_guidance_page({**_page(), "without_internet": [], "none_known": partial}, source="page.json")


@pytest.mark.parametrize("missing", ["source", "checked"])
def test_a_fact_without_source_or_date_does_not_load(missing: str) -> None:
    page = _page()
    del page["without_internet"][0][missing]
    with pytest.raises(GuidanceRefused, match=f"without_internet.0.{missing}"):
        parse_guidance_page(page, source="page.json")


def test_an_online_service_is_no_way_without_internet() -> None:
    page = _page()
    page["without_internet"][0]["kind"] = WayKind.ONLINE_SERVICE.value
    with pytest.raises(GuidanceRefused, match="not a way without internet"):
        parse_guidance_page(page, source="page.json")


def test_a_fact_of_twelve_months_is_not_shown_and_is_listed() -> None:
    page = _page()
    page["without_internet"][0]["checked"] = "2025-11-23"
    page["without_internet"][1]["checked"] = "2025-11-24"
    guidance = _guidance(page)
    (shown,) = guidance.shown(TODAY)
    kept = {way.text for way in shown.without_internet}
    assert page["without_internet"][0]["text"] not in kept
    assert page["without_internet"][1]["text"] in kept
    assert [(name, fact.text) for name, fact in guidance.stale(TODAY)] == [
        ("health_cover", page["without_internet"][0]["text"])
    ]


def test_when_no_way_is_left_to_show_the_recourse_is_shown() -> None:
    page = _page()
    for way in page["without_internet"]:
        way["checked"] = "2024-02-29"
    (shown,) = _guidance(page).shown(TODAY)
    assert shown.without_internet == ()
    assert len(shown.recourse) == 3
