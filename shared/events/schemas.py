"""The committed JSON Schema of each published type (`schemas/<type>.json`): our word to those who read events.

`python -m shared.events.documentation` writes them again after an addition. It never overwrites one with a schema
that breaks its readers, and never deletes one: to retire a type, once no group reads it, delete its file by hand.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.events.compatibility import Incompatibility, incompatibilities
from shared.events.payload import Payload

FOLDER = Path(__file__).parent / "schemas"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands between the code and its baselines, by event type.

    `broken`: changed so that readers break. `unrecorded`: published without a baseline. `stale`: changed, but
    compatibly. `orphaned`: a baseline of a type that is no longer published.
    """

    broken: Mapping[str, tuple[Incompatibility, ...]]
    unrecorded: tuple[str, ...]
    stale: tuple[str, ...]
    orphaned: tuple[str, ...]

    def refusals(self) -> list[str]:
        """Return one sentence for each promise that would be broken."""
        changed = [
            f"{name}: {problem}; publish a new version of the type beside this one instead"
            for name, problems in self.broken.items()
            for problem in problems
        ]
        gone = [f"{name}: still promised by its baseline, but no longer published" for name in self.orphaned]
        return changed + gone


def schema_of(payload: type[Payload]) -> dict[str, Any]:
    """Return the JSON Schema of a payload, with the topic and source that readers also rely on."""
    schema: dict[str, Any] = {
        "$schema": _DIALECT,
        "$id": f"urn:relais:event:{payload.event_type}",
        "x-relais-topic": payload.topic.value,
        "x-relais-source": payload.source,
        **payload.model_json_schema(),
    }
    return schema


def read_baselines(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Return the committed schemas by event type."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def judge(payloads: Iterable[type[Payload]], baselines: Mapping[str, dict[str, Any]]) -> Verdict:
    """Compare what is published with what was promised."""
    current = {payload.event_type: schema_of(payload) for payload in payloads}
    known = {name: schema for name, schema in current.items() if name in baselines}
    problems = {name: tuple(incompatibilities(baselines[name], schema)) for name, schema in known.items()}
    broken = {name: found for name, found in problems.items() if found}
    return Verdict(
        broken=broken,
        unrecorded=tuple(sorted(set(current) - set(baselines))),
        stale=tuple(
            sorted(name for name, schema in known.items() if name not in broken and schema != baselines[name])
        ),
        orphaned=tuple(sorted(set(baselines) - set(current))),
    )


def write_baselines(payloads: Iterable[type[Payload]], folder: Path = FOLDER) -> list[str]:
    """Record new types and additions; return the types whose file changed. `judge` first: this does not refuse."""
    before = read_baselines(folder)
    changed = []
    for payload in payloads:
        schema = schema_of(payload)
        if before.get(payload.event_type) != schema:
            text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
            (folder / f"{payload.event_type}.json").write_text(text, encoding="utf-8")
            changed.append(payload.event_type)
    return changed
