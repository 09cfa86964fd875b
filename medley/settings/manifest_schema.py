"""The JSON Schema of a batch's manifest, made from the schemas of what it orders, for editors."""

from typing import Any

from medley.settings.fields import Settings
from medley.settings.manifest import KINDS, SHARED

_URL = "https://json-schema.org/draft/2020-12/schema"
_PLURALS = {"contents": "content"}  # written as on the command line


def manifest_schema() -> dict[str, Any]:
    """Describe a manifest: names, types, bounds, defaults and what each setting is."""
    kinds = {kind: _properties(schema) for kind, schema in KINDS.items()}
    workspace = KINDS["render"].model_json_schema()["properties"]["workspace"]
    defaults = {name: one for of in kinds.values() for name, one in of.items()}
    # A name that means different things to different kinds may be any of them.
    for name in defaults:
        ways = [of[name] for of in kinds.values() if name in of]
        if any(way != ways[0] for way in ways):
            defaults[name] = {"anyOf": ways, "description": ways[0].get("description", "")}
    return {
        "$schema": _URL,
        "title": "medley batch",
        "type": "object",
        "additionalProperties": False,
        "required": ["film"],
        "properties": {
            "defaults": _table({"workspace": workspace, **defaults}),
            "film": {
                "type": "array",
                "minItems": 1,
                "items": {"oneOf": [_film(kind, properties) for kind, properties in kinds.items()]},
            },
        },
    }


def _film(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    table = _table({"kind": {"const": kind, "description": "What the film is."}, **properties})
    # Where nothing is said, it is the first kind.
    return table if kind == next(iter(KINDS)) else {**table, "required": ["kind"]}


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _properties(schema: type[Settings]) -> dict[str, Any]:
    whole = schema.model_json_schema()
    return {
        _PLURALS.get(name, name): _multiplied(one)
        for name, one in whole["properties"].items()
        if name not in SHARED
    }


def _multiplied(one: dict[str, Any]) -> dict[str, Any]:
    """A field's schema, or a list of it: one film for each."""
    facts: dict[str, Any] = {name: one[name] for name in ("description", "default") if name in one}
    value = {name: part for name, part in one.items() if name not in (*facts, "title")}
    ways = [way for way in value.get("anyOf", [value]) if way != {"type": "null"}]
    if value.get("type") == "array":
        ways.append(value["items"])
    if any(way.get("type") == "string" and "enum" not in way for way in ways):
        ways += [{"type": "number"}]  # which stands for its text
    return {**facts, "anyOf": [*ways, {"type": "array", "minItems": 1, "items": {"anyOf": ways}}]}
