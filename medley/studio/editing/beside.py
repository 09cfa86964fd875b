"""What a film tells of itself, whichever command made it: in its file, and in those beside it.

Beside it lie sidecar, credits and poster.
"""

import datetime
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import PIL

import medley
from medley.files import in_full, json_bytes
from medley.film.poster import contact_sheet
from medley.images import Pixels, encode_png
from medley.media.film_file import Chapter, FilmFacts, Tags
from medley.paintings.catalogs import Entry
from medley.paintings.draws import Painting
from medley.pictures import Picture
from medley.settings import Order, Settings
from medley.settings.load import VERSION, plain_values
from medley.studio.editing.credits import Work, list_credits
from medley.studio.editing.recipe import write_recipe
from medley.studio.film_spec import FilmSpec


def write_beside(
    places: Sequence[Path],
    about: Mapping[str, Any],
    paintings: Sequence[Work],
    content: tuple[Pixels, str],
    results: Sequence[tuple[Pixels | None, Pixels, str]],
) -> None:
    """Write a film's sidecar, credits and poster.

    Args:
        places: paths of sidecar, credits and poster.
        about: contents of the sidecar.
        paintings: works that the credits list.
        content: first picture of the poster, and its caption.
        results: painting (if any), result and caption of each further part of the poster.
    """
    sidecar, credit_list, poster = places
    picture, caption = content
    poster.write_bytes(
        encode_png(contact_sheet(picture, results, content_caption=caption), small=True)
    )
    credit_list.write_bytes(list_credits(paintings).encode(errors="replace"))
    sidecar.write_bytes(json_bytes(about))


def describe_run(command: str) -> dict[str, Any]:
    """The sidecar's facts about the run: the command, and the time."""
    now = datetime.datetime.now(datetime.UTC)
    return {"command": command, "made": now.isoformat(timespec="seconds")}


def tags_of(command: str, settings: Settings, chapters: Iterable[Chapter]) -> Tags:
    """What a film's file tells: its chapters, and the recipe; see `write_recipe`."""
    return Tags(tuple(chapters), write_recipe(command, settings))


def describe_order(order: Order) -> dict[str, Any]:
    """Names and values as in a file, with absolute paths, and the film beside the sidecar."""
    table = describe_settings(order)
    return {VERSION: medley.__version__, **table, "output": order.film_path.name}


def describe_settings(settings: Settings) -> dict[str, Any]:
    """Names and values as in a file, with absolute paths."""
    return plain_values(settings.flat(), type(settings).fields())


def describe_content(content: Picture) -> dict[str, Any]:
    """The sidecar's facts about a photo, at the size at which it was repainted."""
    return {"file": in_full(content.path), "height": content.height, "width": content.width}


def describe_painting(painting: Painting[Any]) -> dict[str, Any]:
    """The sidecar's facts about a painting, including those that a catalog knows."""
    return describe_work(painting.title, painting.entry or Entry(str(painting.path), ""))


def describe_work(title: str, entry: Entry) -> dict[str, Any]:
    """The sidecar's facts about a painting that need not have been read."""
    facts = asdict(entry)
    known = {name: facts[name] for name in ("artist", "genre", "style", "date") if facts[name]}
    return {"title": title, "catalog": known, "file": in_full(entry.path)}


def describe_film(facts: FilmFacts) -> dict[str, Any]:
    """The sidecar's facts about the film as it was read back."""
    return {
        "file": facts.path.name,
        "frames": facts.frame_count,
        "fps": str(facts.fps) if facts.fps else None,
        "height": facts.height,
        "width": facts.width,
        "audio_s": None if facts.audio_s is None else round(float(facts.audio_s), 3),
    }


def describe_machine(film: FilmSpec) -> dict[str, Any]:
    """The sidecar's facts about the machine, and the devices that the shots say took them."""
    told = [film.workspace.shot(key).description.get("device") for key in film.keys]
    devices = sorted({device for device in told if isinstance(device, str)}) or film.devices
    own = {**versions(), "torch": version("torch")}
    return {"device": ",".join(devices), "versions": own}


def versions() -> dict[str, str]:
    """Versions of the programs and libraries that every film depends on."""
    return {
        "medley": medley.__version__,
        "python": platform.python_version(),
        "pillow": PIL.__version__,
    }
