"""What a field accepts, checked by the schema's own rules and said in words."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

_SHOWN = 60  # letters of a value that an error repeats
_PLAIN = {"string": "a text", "boolean": "true or false", "null": "", "object": "a table"}


def adapter_of(field: FieldInfo) -> TypeAdapter[Any]:
    """What checks a value as the field's schema does."""
    annotation: Any = field.annotation
    for constraint in field.metadata:
        annotation = Annotated[annotation, constraint]
    return TypeAdapter(annotation)


def complaint(fault: Mapping[str, Any]) -> str:
    """Put one of the errors of a `ValidationError` into words."""
    message: str = fault["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def refusal(name: str, field: FieldInfo, value: Any, fault: Mapping[str, Any] | None = None) -> str:
    """Say why a field does not accept a value: "steps is 'many'; it must be a whole number ...".

    Args:
        name: what the field is called where the value was given.
        field: says what it accepts.
        value: as it was given.
        fault: what a `ValidationError` has on it; a check of our own words its complaint itself.
    """
    if fault is not None and fault["type"] == "value_error":
        return f"{name}: {complaint(fault)}"
    return f"{name} is {shown(value)}; it must be {expectation(field)}"


def shown(value: Any) -> str:
    """Write a value as an error repeats it, cut if it is long."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def expectation(field: FieldInfo) -> str:
    """Say what a field accepts: "a whole number from 1 to 100,000"."""
    return _words(adapter_of(field).json_schema())


def _words(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(filter(None, map(_words, schema["anyOf"])))
    if "const" in schema:
        return f"'{schema['const']}'"
    if "enum" in schema:
        return ", ".join(f"'{choice}'" for choice in schema["enum"][:-1]) + (
            f" or '{schema['enum'][-1]}'"
        )
    kind = schema.get("type", "string")
    if kind == "array":
        some = " of one or more" if schema.get("minItems") else ""
        return f"a list{some}, each {_words(schema.get('items', {}))}"
    if schema.get("format") == "path":
        return "a path"
    if kind in _PLAIN:
        return _PLAIN[kind]
    return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f" from {least:,.15g} to {most:,.15g}"
    if least is not None and below is not None:
        return f" from {least:,.15g} to below {below:,.15g}"
    lower = f" of {least:,.15g} or more" if least is not None else ""
    lower = f" above {above:,.15g}" if above is not None else lower
    below = schema.get("exclusiveMaximum")
    upper = f" up to {most:,.15g}" if most is not None else ""
    upper = f" below {below:,.15g}" if below is not None else upper
    return (lower + "," if lower and upper else lower) + upper
