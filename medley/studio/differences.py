"""Differences between a film that lies there, by its sidecar, and the film that is asked for."""

import json
from pathlib import Path
from typing import Any

import medley
from medley.errors import Part, Setting
from medley.settings.base import rival_of
from medley.settings.load import VERSION, as_written
from medley.shipped import name_of
from medley.studio.editing.beside import describe_order
from medley.studio.film_spec import FilmSpec, settled_order

_IDLE = {"output", "quality", "device", "tile", "deterministic", "workspace"}
"""Entries of an order that change nothing of what the film shows."""

_NAMED = 3  # items of a list that are named


def differences(film: FilmSpec) -> list[Part]:
    """Say what of a film that lies there is not as it is asked for, in parts of a message.

    Returns:
        Names and values of settings, then and now; else what else may have changed. Nothing
        if the sidecar is missing, or does not tell.
    """
    try:
        before = _completed(json.loads(film.outputs.sidecar.read_text("utf-8"))["order"], film)
        version = before[VERSION]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    now = _order_of(film)
    parts: list[Part] = []
    for name in sorted((before.keys() | now.keys()) - _IDLE - {VERSION}):
        was, would_be = before.get(name), now.get(name)
        if was != would_be:
            parts += [", " if parts else "", Setting(name), f" {_words(was, would_be)}"]
    if parts or film.sidecar_matches():
        return parts
    if version != medley.__version__:
        return [f"by medley {version}"]
    return ["a picture or the weights were others"]


def _completed(order: dict[str, Any], film: FilmSpec) -> dict[str, Any]:
    """A sidecar's order with the settings that are newer than it, and shipped paintings by name."""
    order, fields = dict(order), type(film.order).fields()
    newer = {
        name: as_written(field, field.default)
        for name, field in fields.items()
        if not {name, rival_of(name)} & order.keys()
        and not field.is_required()
        and field.default not in (None, ())
    }
    styles = [str(name_of(Path(path))) for path in order.get("styles", [])]
    return order | newer | ({"styles": styles} if styles else {})


def _order_of(film: FilmSpec) -> dict[str, Any]:
    """The film's order as its sidecar will have it."""
    # Through JSON, as it was written: a tuple is a list there.
    found: dict[str, Any] = json.loads(json.dumps(describe_order(settled_order(film, film.order))))
    return found


def _words(was: Any, would_be: Any) -> str:
    """Say of a setting what it was and would be; of two lists, what each has alone."""
    if isinstance(was, list) and isinstance(would_be, list):
        gone = [item for item in was if item not in would_be]
        new = [item for item in would_be if item not in was]
        if not gone and not new:
            return "in another order"
        lost = [f"without {_listed(gone)}"] if gone else []
        more = [f"with {_listed(new)}"] if new else []
        return " and ".join([*lost, *more])
    then = "was not set" if was is None else f"was {_word(was)}"
    return f"{then} and would " + ("not be set" if would_be is None else f"be {_word(would_be)}")


def _listed(items: list[Any]) -> str:
    named = ", ".join(map(_word, items[:_NAMED]))
    return named if len(items) <= _NAMED else f"{named} and {len(items) - _NAMED} more"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str) and Path(value).is_absolute():
        return f"'{value}'"
    return str(value)
