"""The JSON Schema of a batch's manifest, made from the schemas of what it orders, for editors."""

from typing import Any

from pydantic.fields import FieldInfo

from medley.settings.base import UNSET, described, holds_several, is_optional, text_of
from medley.settings.load import adapter_of, as_written
from medley.settings.manifest import SHARED
from medley.settings.orders import ORDERS

_URL = "https://json-schema.org/draft/2020-12/schema"


def manifest_schema() -> dict[str, Any]:
    """Make the JSON Schema of a manifest: names, types, bounds, defaults and descriptions."""
    kinds = {
        kind: {
            name: _multiplied(field) for name, field in order.fields().items() if name not in SHARED
        }
        for kind, order in ORDERS.items()
    }
    defaults = {name: one for of in kinds.values() for name, one in of.items()}
    # A name that means different things to different kinds may be any of them.
    for name in defaults:
        ways = [of[name] for of in kinds.values() if name in of]
        if any(way != ways[0] for way in ways):
            defaults[name] = {"anyOf": ways, "description": ways[0].get("description", "")}
    workspace = ORDERS["render"].fields()["workspace"]
    shared = {"workspace": {**adapter_of(workspace).json_schema(), **_facts(workspace)}}
    return {
        "$schema": _URL,
        "title": "medley batch",
        "type": "object",
        "additionalProperties": False,
        "required": ["film"],
        "properties": {
            "defaults": _table({**shared, **defaults}),
            "film": {
                "type": "array",
                "minItems": 1,
                "items": {"oneOf": [_film(kind, properties) for kind, properties in kinds.items()]},
            },
        },
    }


def _film(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    table = _table({"kind": {"const": kind, "description": "What the film is."}, **properties})
    # A film without a kind is of the first one.
    return table if kind == next(iter(ORDERS)) else {**table, "required": ["kind"]}


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _facts(field: FieldInfo) -> dict[str, Any]:
    facts: dict[str, Any] = {"description": described(field, str)}
    if not field.is_required() and field.default is not None:
        facts["default"] = as_written(field, field.default)
    return facts


def _multiplied(field: FieldInfo) -> dict[str, Any]:
    """The schema of a field, or of a list of its values, each of which makes a film."""
    value = adapter_of(field).json_schema()
    ways = [way for way in value.get("anyOf", [value]) if way != {"type": "null"}]
    if is_optional(field):
        ways.append({"const": UNSET})
    if value.get("type") == "array":
        ways.append(value["items"])
    elif any(way.get("type") == "string" and not way.keys() & {"enum", "format"} for way in ways):
        ways.append({"type": "number"})  # a number may stand for its text
    if text_of(field) and holds_several(field):
        ways.append({"type": "array", "minItems": 1, "items": {"anyOf": list(ways)}})
    some = {"type": "array", "minItems": 1, "items": {"anyOf": ways}}
    return {**_facts(field), "anyOf": [*ways, some]}
