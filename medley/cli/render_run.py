"""What `medley render` does: a film is made, or with --preview a sheet of small results."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from medley.cli.films import make_film
from medley.cli.progress import display
from medley.cli.words import counted
from medley.files import check_free, write_bytes
from medley.settings import SUFFIXES, RenderOrder
from medley.settings.film import format_of
from medley.shipped import name_of
from medley.shipped_nets import MANY
from medley.stills import encode_still
from medley.studio.preview import (
    Small,
    Way,
    draw_by_net,
    draw_preview,
    name_works,
    plan_preview,
    take_preview,
)
from medley.studio.shooting.devices import name_devices


def make_render(order: RenderOrder, preview: Way | None, force: bool, quiet: bool) -> Path:
    """Make a film, or draw the sheet of its preview, and give its file.

    Args:
        order: order of the film.
        preview: how the results on the sheet are drawn that is wanted instead, if it is.
        force: True to replace a file of that name.
        quiet: True to say nothing but errors.
    """
    if preview:
        return _make_preview(order, preview, force, quiet)
    return make_film(order, force, quiet).film.path


def _make_preview(order: RenderOrder, way: Way, force: bool, quiet: bool) -> Path:
    """Draw a sheet of small results, one for each painting of a film.

    Arguments are those of `make_render`, which gives the sheet's file.
    """
    path = _sheet_of(order.film_path)
    check_free(path, force, order.inputs)
    folder = TemporaryDirectory(prefix="medley-preview-")
    with folder as workspace, display(quiet) as show:
        device = name_devices(order.run.device)[0]
        planned = plan_preview(order, device, Path(workspace))
        film = planned.films[0]
        check_free(path, force, [work.path for work in film.works])
        for reason in film.drawn.skipped:
            show.warn(f"passed over: {reason}")
        drawn = draw_by_net(film, order, device, Path(workspace)) if way == "net" else {}
        missing = {key: steps for key, steps in planned.missing_steps.items() if key not in drawn}
        labels = {key: label for key, label in planned.labels.items() if key in missing}
        show.expect_shots("painting", labels, missing)
        results = take_preview(planned, device, show.on, drawn)
        sheet = draw_preview(results, order.film.strength)
        write_bytes(path, encode_still(sheet, SUFFIXES[path.suffix.lower()], "medley preview"))
        if way == "net":
            show.line(_told(results))
        if not order.blend.mask:
            names = dict.fromkeys(str(name_of(work.path)) for work in film.works)
            show.line(f"to choose from: --styles {shlex.join(names)}")
    return path


def _told(results: Sequence[Small]) -> str:
    """Say which results are whose."""
    by_net = [name_works(one.spec.paintings) for one in results if one.is_by_net]
    others = [name_works(one.spec.paintings) for one in results if not one.is_by_net]
    parts = [f"by the network '{MANY}': {', '.join(by_net)}"] if by_net else []
    if others:
        steps = counted(results[-1].spec.settings.steps, "step")
        parts.append(f"unknown to it, and in {steps}: {', '.join(others)}")
    return "; ".join(parts)


def _sheet_of(film: Path) -> Path:
    """The file of the sheet: the film's own name if that is a picture's, else one beside it."""
    if format_of(film).kind == "sheet":
        return film
    return film.with_name(f"{film.stem}-preview.png")
