"""The checker refuses each kind of incompatible change, and lets additions pass."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events.catalogue import published_types
from shared.events.compatibility import incompatibilities
from shared.events.schemas import schema_of

PERSON: dict[str, Any] = {
    "x-relais-topic": "relais.things",
    "$defs": {
        "Colour": {"enum": ["red", "blue"], "type": "string"},
        "Part": {"type": "object", "properties": {"size": {"type": "integer", "minimum": 0}}, "required": ["size"]},
        "Node": {"type": "object", "properties": {"child": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}},
    },
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^a"},
        "colour": {"$ref": "#/$defs/Colour", "default": "red"},
        "kind": {"const": "one", "type": "string"},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
        "main": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}], "default": None},
        "at": {"type": "string", "format": "date-time"},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "root": {"$ref": "#/$defs/Node"},
    },
    "required": ["id", "parts", "at"],
}  # fmt: skip


def changed(*path: str, to: Any) -> dict[str, Any]:
    """Return the schema with one place replaced; `...` removes it."""
    schema = copy.deepcopy(PERSON)
    place = schema
    for step in path[:-1]:
        place = place[step]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return schema


INCOMPATIBLE = {
    "a field is removed": (changed("properties", "at", to=...), "at"),
    "a nested field is removed": (changed("$defs", "Part", "properties", to={}), "parts[].size"),
    "an optional field becomes required": (changed("required", to=["id", "parts", "at", "colour"]), "colour"),
    "a required field becomes optional": (changed("required", to=["id", "parts"]), "at"),
    "a type widens": (changed("$defs", "Part", "properties", "size", to={"type": "number", "minimum": 0}), "parts[].size"),
    "a type changes": (changed("properties", "id", to={"type": "integer"}), "id"),
    "a format changes": (changed("properties", "at", to={"type": "string", "format": "date"}), "at"),
    "a format is dropped": (changed("properties", "at", to={"type": "string"}), "at"),
    "a pattern changes": (changed("properties", "id", "pattern", to="^b"), "id"),
    "a bound narrows": (changed("$defs", "Part", "properties", "size", "minimum", to=1), "parts[].size"),
    "a bound widens": (changed("$defs", "Part", "properties", "size", "minimum", to=-1), "parts[].size"),
    "a bound is added": (changed("properties", "id", to={"type": "string", "pattern": "^a", "maxLength": 9}), "id"),
    "null becomes possible": (changed("properties", "at", to={"anyOf": [{"type": "string"}, {"type": "null"}]}), "at"),
    "null becomes impossible": (changed("properties", "main", to={"$ref": "#/$defs/Part", "default": None}), "main"),
    "a word is removed": (changed("$defs", "Colour", "enum", to=["red"]), "colour"),
    "a word is renamed": (changed("$defs", "Colour", "enum", to=["red", "green"]), "colour"),
    "a constant changes": (changed("properties", "kind", "const", to="two"), "kind"),
    "a list of words opens": (changed("$defs", "Colour", to={"type": "string"}), "colour"),
    "free text becomes a list": (changed("properties", "id", to={"enum": ["a"], "type": "string", "pattern": "^a"}), "id"),
    "a default changes": (changed("properties", "colour", "default", to="blue"), "colour"),
    "values of a map change": (changed("properties", "counts", "additionalProperties", to={"type": "string"}), "counts[]"),
    "unknown fields are forbidden": ({**PERSON, "additionalProperties": False}, ""),
    "a list becomes one": (changed("properties", "parts", to={"$ref": "#/$defs/Part"}), "parts"),
    "the topic changes": ({**PERSON, "x-relais-topic": "relais.others"}, ""),
    "an unknown keyword appears": (changed("properties", "parts", "uniqueItems", to=True), "parts"),
}  # fmt: skip

COMPATIBLE = {
    "nothing changes": PERSON,
    "an optional field is added": changed("properties", "note", to={"type": "string", "default": ""}),
    "a nested optional field is added": changed(
        "$defs", "Part", "properties", to={"size": {"type": "integer", "minimum": 0}, "note": {"type": "string"}}
    ),
    "a word is added": changed("$defs", "Colour", "enum", to=["green", "red", "blue"]),
    "a constant becomes a list that holds it": changed("properties", "kind", to={"enum": ["one", "two"], "type": "string"}),
    "a meaning changes": changed("properties", "at", to={"type": "string", "format": "date-time", "description": "When."}),
    "a definition is inlined": changed("properties", "colour", to={"enum": ["red", "blue"], "type": "string", "default": "red"}),
    "alternatives change places": changed(
        "properties", "main", to={"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Part"}], "default": None}
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", INCOMPATIBLE)
def test_an_incompatible_change_is_refused_where_it_is(change: str) -> None:
    schema, path = INCOMPATIBLE[change]
    assert path in [found.path for found in incompatibilities(PERSON, schema)]


@pytest.mark.parametrize("change", COMPATIBLE)
def test_an_addition_passes(change: str) -> None:
    assert incompatibilities(PERSON, COMPATIBLE[change]) == []


def test_a_new_required_field_is_refused() -> None:
    schema = changed("properties", "note", to={"type": "string"})
    schema["required"] = [*schema["required"], "note"]
    assert [str(found) for found in incompatibilities(PERSON, schema)] == ["note: the new field is required"]


def test_a_rename_is_a_removal() -> None:
    schema = changed("properties", "at", to=...)
    schema["properties"]["when"] = PERSON["properties"]["at"]
    schema["required"] = ["id", "parts", "when"]
    assert {found.path for found in incompatibilities(PERSON, schema)} == {"at", "when"}


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
real_schemas = st.sampled_from([schema_of(payload) for payload in published_types()])


def objects_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every object of a schema that has fields."""
    return [part for part in (schema, *schema.get("$defs", {}).values()) if part.get("properties")]


@unhurried
@given(schema=real_schemas, data=st.data())
def test_removing_any_field_of_any_event_is_refused(schema: dict[str, Any], data: st.DataObject) -> None:
    after = copy.deepcopy(schema)
    part = data.draw(st.sampled_from(objects_of(after)))
    name = data.draw(st.sampled_from(sorted(part["properties"])))
    del part["properties"][name]
    assert any(found.path.endswith(name) for found in incompatibilities(schema, after))


@unhurried
@given(schema=real_schemas, data=st.data())
def test_removing_any_word_of_any_event_is_refused(schema: dict[str, Any], data: st.DataObject) -> None:
    after = copy.deepcopy(schema)
    lists = [part for part in after.get("$defs", {}).values() if "enum" in part]
    if lists:
        words = data.draw(st.sampled_from(lists))["enum"]
        gone = words.pop(data.draw(st.integers(0, len(words) - 1)))
        assert any(repr(gone) in found.problem for found in incompatibilities(schema, after))


@unhurried
@given(schema=real_schemas, data=st.data(), name=st.from_regex(r"[a-z]{3,8}_added", fullmatch=True))
def test_any_optional_addition_passes_and_taking_it_back_does_not(
    schema: dict[str, Any], data: st.DataObject, name: str
) -> None:
    after = copy.deepcopy(schema)
    part = data.draw(st.sampled_from(objects_of(after)))
    part["properties"][name] = {"type": "string", "default": ""}
    assert incompatibilities(schema, after) == []
    assert incompatibilities(after, schema) != []
