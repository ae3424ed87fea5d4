"""May this schema replace that one inside `.v1`? A pure comparison of two JSON Schemas of one event type.

Both directions count. Readers built against the old schema meet new events (a rolling update, a partner who never
updates), and new readers meet old events (the log keeps 13 months, dead letters are redriven). So a change passes
only if the new schema accepts all that the old one did, and a reader of the old one can live with all that is new:

| change | passes | because |
| --- | --- | --- |
| an optional field is added, anywhere | yes | readers ignore what they do not know; old events may lack it |
| a word is added to a closed list | yes | readers are told to take an unknown word for "other"; see below |
| titles, descriptions, examples | yes | nothing reads them |
| a field is removed or renamed | no | old readers look for it |
| a required field is added, or an optional one becomes required | no | old events lack it |
| a required field becomes optional | no | old readers count on it |
| a type, format, pattern or bound changes, wider or narrower | no | wider breaks old readers, narrower old events |
| null becomes possible or impossible | no | the same |
| a word is removed or renamed | no | old events hold it |
| the default of an absent field changes | no | old events change their meaning |
| topic or source changes | no | readers subscribed to the former |

Anything not listed as passing is refused: a `.v2` is published beside `.v1` until no group reads it.

A new word does break a reader that validates against the closed list, and Relais's own services do. It is still
allowed because lists of words must be able to grow: update readers before publishers; an event that overtakes the
update becomes a dead letter of that reader, and a redrive after it loses nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

_ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "$ref", "title", "description", "examples"})
_COMPARED_APART = frozenset(
    {"properties", "required", "enum", "const", "items", "anyOf", "additionalProperties"}
)
_DEFINITIONS = "#/$defs/"
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One reason why a schema can't replace another; `path` is dotted, `[]` for the items of a list."""

    path: str
    problem: str

    def __str__(self) -> str:
        """Return `path: problem`."""
        return f"{self.path or '(the payload)'}: {self.problem}"


def incompatibilities(old: Schema, new: Schema) -> list[Incompatibility]:
    """Return why `new` can't replace `old`; an empty list when it can."""
    return list(_Comparison(old, new).run())


class _Comparison:
    """One walk over two documents side by side."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old, self.new = old, new

    def run(self) -> Iterator[Incompatibility]:
        return self._compare(self.old, self.new, "", frozenset())

    def _compare(
        self, old: Schema, new: Schema, path: str, seen: frozenset[tuple[object, object]]
    ) -> Iterator[Incompatibility]:
        pair = (old.get("$ref"), new.get("$ref"))
        if pair != (None, None):
            if pair in seen:  # a definition that holds itself
                return
            seen |= {pair}
        old, new = _resolved(old, self.old), _resolved(new, self.new)
        yield from _compare_plain(old, new, path)
        yield from _compare_words(old, new, path)
        yield from self._compare_fields(old, new, path, seen)
        yield from self._compare_inside(old, new, path, seen)
        yield from self._compare_alternatives(old, new, path, seen)

    def _compare_fields(
        self, old: Schema, new: Schema, path: str, seen: frozenset[tuple[object, object]]
    ) -> Iterator[Incompatibility]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            where = f"{path}.{name}" if path else name
            if name not in after:
                yield Incompatibility(where, "the field was removed or renamed")
                continue
            if name in needed_after - needed_before:
                yield Incompatibility(where, "the optional field became required")
            if name in needed_before - needed_after:
                yield Incompatibility(where, "the required field became optional")
            yield from self._compare(before[name], after[name], where, seen)
        for name in sorted((needed_after & set(after)) - set(before)):
            yield Incompatibility(f"{path}.{name}" if path else name, "the new field is required")

    def _compare_inside(
        self, old: Schema, new: Schema, path: str, seen: frozenset[tuple[object, object]]
    ) -> Iterator[Incompatibility]:
        for keyword in ("items", "additionalProperties"):
            before, after = old.get(keyword, _ABSENT), new.get(keyword, _ABSENT)
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                yield from self._compare(before, after, f"{path}[]", seen)
            elif before != after:
                yield Incompatibility(path, f"{keyword} changed")

    def _compare_alternatives(
        self, old: Schema, new: Schema, path: str, seen: frozenset[tuple[object, object]]
    ) -> Iterator[Incompatibility]:
        before, after = list(old.get("anyOf", ())), list(new.get("anyOf", ()))
        if len(before) != len(after):
            yield Incompatibility(path, "the alternatives changed (null, or another type)")
            return
        for alternative in before:
            troubles = [list(self._compare(alternative, candidate, path, seen)) for candidate in after]
            best = min(range(len(after)), key=lambda position: len(troubles[position]))
            yield from troubles[best]
            after.pop(best)


def _resolved(schema: Schema, document: Schema) -> Schema:
    """Replace a reference by what it points to; what stands beside the reference wins."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target = document["$defs"][str(reference).removeprefix(_DEFINITIONS)]
    return {**_resolved(target, document), **schema}


def _compare_plain(old: Schema, new: Schema, path: str) -> Iterator[Incompatibility]:
    for keyword in sorted((set(old) | set(new)) - _ANNOTATIONS - _COMPARED_APART):
        before, after = old.get(keyword, _ABSENT), new.get(keyword, _ABSENT)
        if type(before) is not type(after) or before != after:
            yield Incompatibility(path, f"{keyword} {_change(before, after)}")


def _compare_words(old: Schema, new: Schema, path: str) -> Iterator[Incompatibility]:
    before, after = _words(old), _words(new)
    if before is None and after is None:
        return
    if before is None or after is None:
        yield Incompatibility(path, "a closed list of words appeared or disappeared")
        return
    if gone := [word for word in before if word not in after]:
        yield Incompatibility(path, f"removed or renamed: {', '.join(map(repr, gone))}")


def _words(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _change(before: object, after: object) -> str:
    if before is _ABSENT:
        return f"was added: {after!r}"
    if after is _ABSENT:
        return f"was removed (it was {before!r})"
    return f"changed from {before!r} to {after!r}"
