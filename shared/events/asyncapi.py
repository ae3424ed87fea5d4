"""The AsyncAPI 3.0.0 document: topics as channels, who sends and receives what, the schema of each message.

A message is a CloudEvent 1.0 in structured JSON, so its payload is the whole envelope. Payload schemas come from the
same models as the baselines in `schemas/`.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.bus.topics import TOPICS, Topic
from shared.events.catalogue import CATALOGUE, published_types
from shared.events.examples import EXAMPLES
from shared.events.payload import Payload

VERSION = "1.0.0"
CONTENT_TYPE = "application/cloudevents+json"
_SCHEMAS = "#/components/schemas/"

Traffic = tuple[Collection[type[Payload]], Collection[type[Payload]]]
"""What a service publishes, and what it consumes."""


def asyncapi_document(services: Mapping[str, Traffic]) -> dict[str, Any]:
    """Return the document of these services' traffic. Every topic and message is described, used or not."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Relais events",
            "version": VERSION,
            "description": "What Relais's services tell each other: at least once, in order for each aggregate. "
            "Ignore unknown fields, and take an unknown word of a list for 'other'.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.value: _channel(topic) for topic in TOPICS},
        "operations": _operations(services),
        "components": _components(),
    }


@cache
def _components() -> dict[str, Any]:
    """Return what does not depend on the services; made once, because it takes a while."""
    return {
        "messages": {payload.event_type: _message(payload) for payload in published_types()},
        "schemas": _schemas(),
    }


def _channel(topic: Topic) -> dict[str, Any]:
    settings = TOPICS[topic]
    kept = f"kept {settings.retention.days} days"
    if settings.compacted:
        kept = "compacted: only the newest message of each key is kept, and a null one is a tombstone"
    return {
        "address": topic.value,
        "description": f"{settings.partitions} partitions by aggregate id; {kept}.",
        "messages": {
            payload.event_type: {"$ref": f"#/components/messages/{payload.event_type}"}
            for payload in CATALOGUE[topic]
        },
        "bindings": {
            "kafka": {
                "topic": topic.value,
                "partitions": settings.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["compact" if settings.compacted else "delete"],
                    "max.message.bytes": settings.max_message_bytes,
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(services: Mapping[str, Traffic]) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for service, traffic in services.items():
        for action, payloads in zip(("send", "receive"), traffic, strict=True):
            for topic in TOPICS:
                if concerned := [payload for payload in CATALOGUE[topic] if payload in payloads]:
                    operations[f"{service}.{action}.{topic.value}"] = _operation(
                        service, action, topic, concerned
                    )
    return operations


def _operation(service: str, action: str, topic: Topic, payloads: list[type[Payload]]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": f"{service} {'publishes on' if action == 'send' else 'follows'} {topic.value}.",
        "tags": [{"name": service}],
        "channel": {"$ref": f"#/channels/{topic.value}"},
        "messages": [
            {"$ref": f"#/channels/{topic.value}/messages/{payload.event_type}"} for payload in payloads
        ],
    }


def _message(payload: type[Payload]) -> dict[str, Any]:
    return {
        "name": payload.event_type,
        "title": payload.__name__,
        "summary": (payload.__doc__ or "").strip(),
        "contentType": CONTENT_TYPE,
        "payload": _envelope_schema(payload),
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The aggregate id."},
                "bindingVersion": "0.5.0",
            }
        },
        "examples": [{"name": payload.__name__, "payload": EXAMPLES[payload]}],
    }


def _envelope_schema(payload: type[Payload]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "sequence", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {
                "type": "string",
                "description": "`{aggregate id}:{sequence}`: the same when it comes again.",
            },
            "source": {"const": payload.source},
            "type": {"const": payload.event_type},
            "subject": {"type": "string", "description": "The aggregate id."},
            "time": {"type": "string", "format": "date-time", "description": "When it was recorded, in UTC."},
            "datacontenttype": {"const": "application/json"},
            "partitionkey": {"type": "string", "description": "The aggregate id."},
            "sequence": {
                "type": "string",
                "pattern": r"^\d{10}$",
                "description": "Number of the event in its aggregate, from 1. Drop what is not above the last seen.",
            },
            "traceparent": {"type": "string", "description": "W3C trace context, when there is one."},
            "data": {"$ref": _SCHEMAS + payload.__name__},
        },
    }


def _schemas() -> dict[str, Any]:
    mode: JsonSchemaMode = "validation"
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(payload, mode) for payload in published_types()]
    _, document = models_json_schema(models, ref_template=_SCHEMAS + "{model}")
    schemas: dict[str, Any] = document["$defs"]
    return schemas
