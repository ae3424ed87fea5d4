"""`docs/events.md` is up to date, tells every field, and its command refuses to break a promise."""

import json
import shutil
from pathlib import Path

import pytest

from shared.events.catalogue import published_types
from shared.events.documentation import PAGE, events_page, fields, troubles, write
from shared.events.payload import Payload
from shared.events.schemas import FOLDER, schema_of


def test_nothing_generated_is_out_of_date() -> None:
    assert troubles() == []


@pytest.mark.parametrize("payload", published_types(), ids=lambda payload: payload.event_type)
def test_every_field_says_what_it_means(payload: type[Payload]) -> None:
    silent = [path for path, _, _, meaning in fields(schema_of(payload)) if not meaning]
    assert silent == [], f"give each a docstring under its declaration in {payload.__module__}"


def test_the_page_tells_every_type_and_nested_field() -> None:
    page = events_page()
    for payload in published_types():
        assert f"### `{payload.event_type}`" in page
    assert "| `facts.needs[].priority` | whole number (≥ 1, ≤ 20) | yes |" in page
    assert "### ReferralState" in page


def test_links_of_the_page_lead_somewhere() -> None:
    page = events_page()
    assert "(#needcoverage)" not in page, "only lists of words have a heading"
    assert "[Coverage](#coverage)" in page
    assert "### Coverage" in page


def test_check_names_what_is_out_of_date(tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    shutil.copytree(FOLDER, folder)
    (folder / "fr.relais.case.erased.v1.json").unlink()
    page = tmp_path / "events.md"
    page.write_text("# Events", encoding="utf-8")
    found = troubles(page, folder)
    assert [line.split(":")[0] for line in found] == [
        "fr.relais.case.erased.v1",
        "events.md is out of date; run python -m shared.events.documentation",
    ]
    assert write(page, folder) == []
    assert troubles(page, folder) == []


def test_writing_refuses_to_break_a_promise(tmp_path: Path) -> None:
    folder = tmp_path / "schemas"
    shutil.copytree(FOLDER, folder)
    promise = folder / "fr.relais.case.erased.v1.json"
    schema = json.loads(promise.read_text(encoding="utf-8"))
    schema["properties"]["reason"] = {"type": "string"}
    promise.write_text(json.dumps(schema), encoding="utf-8")
    page = tmp_path / "events.md"
    (refusal,) = write(page, folder)
    assert "reason: the field was removed or renamed" in refusal
    assert not page.exists()
    assert json.loads(promise.read_text(encoding="utf-8")) == schema


def test_the_committed_page_is_the_one_checked() -> None:
    assert PAGE.read_text(encoding="utf-8").startswith("# Events")
