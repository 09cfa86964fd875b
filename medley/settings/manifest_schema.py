"""The JSON Schema of a batch's manifest, made from the schemas of what it orders, for editors."""

from typing import Any

from medley.settings.manifest import KINDS, SHARED, TEXT_LISTS

_URL = "https://json-schema.org/draft/2020-12/schema"
_FACTS = ("description", "default")
_PLURALS = {"contents": "content"}  # written as on the command line


def manifest_schema() -> dict[str, Any]:
    """Describe a manifest: names, types, bounds, defaults and what each setting is."""
    kinds = {kind: _properties(kind) for kind in KINDS}
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


def _properties(kind: str) -> dict[str, Any]:
    whole = KINDS[kind].model_json_schema()
    return {
        _PLURALS.get(name, name): _multiplied(one, name in TEXT_LISTS[kind])
        for name, one in whole["properties"].items()
        if name not in SHARED
    }


def _multiplied(one: dict[str, Any], is_text_list: bool) -> dict[str, Any]:
    """A field's schema, or a list of it: one film for each."""
    facts: dict[str, Any] = {"description": one.get("description", "")}
    if one.get("default") is not None:
        facts["default"] = one["default"]
    value = {name: part for name, part in one.items() if name not in (*_FACTS, "title")}
    ways = [way for way in value.get("anyOf", [value]) if way != {"type": "null"}]
    if value.get("type") == "array":
        ways.append(value["items"])
    elif any(way.get("type") == "string" and not way.keys() & {"enum", "format"} for way in ways):
        ways.append({"type": "number"})  # which stands for its text
    if is_text_list:
        ways.append({"type": "array", "minItems": 1, "items": {"anyOf": list(ways)}})
    return {**facts, "anyOf": [*ways, {"type": "array", "minItems": 1, "items": {"anyOf": ways}}]}
