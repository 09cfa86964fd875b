"""What `medley render` does: a film is made, or with --preview a sheet of small results."""

import shlex
from pathlib import Path

from medley.cli.console import notes
from medley.cli.films import make_film
from medley.cli.progress import display
from medley.files import check_free, write_bytes
from medley.settings import SUFFIXES, RenderOrder
from medley.settings.film import format_of
from medley.shipped import name_of
from medley.stills import encode_still
from medley.studio.preview import draw_preview, plan_preview, take_preview
from medley.studio.shooting.devices import name_devices


def make_render(order: RenderOrder, preview: bool, force: bool, quiet: bool) -> Path:
    """Make a film, or draw the sheet of its preview, and give its file.

    Args:
        order: order of the film.
        preview: True to draw the sheet instead.
        force: True to replace a file of that name.
        quiet: True to say nothing but errors.
    """
    if preview:
        return _make_preview(order, force, quiet)
    return make_film(order, force, quiet).film.path


def _make_preview(order: RenderOrder, force: bool, quiet: bool) -> Path:
    """Draw a sheet of small results, one for each painting of a film.

    Arguments are those of `make_render`, which gives the sheet's file.
    """
    path = _sheet_of(order.film_path)
    check_free(path, force, order.inputs)
    with display(notes(quiet)) as show:
        device = name_devices(order.run.device)[0]
        preview = plan_preview(order, device)
        check_free(path, force, [work.path for work in preview.works])
        for reason in preview.skipped:
            show.warn(f"passed over: {reason}")
        titles = {spec.key: spec.title for spec in preview.shots}
        steps = {spec.key: spec.settings.steps for spec in preview.shots}
        show.expect_shots("painting", titles, steps)
        results = take_preview(preview, device, show.on)
        sheet = draw_preview(preview, results, order.film.strength)
        write_bytes(path, encode_still(sheet, SUFFIXES[path.suffix.lower()], "medley preview"))
        if not order.blend.mask:
            names = dict.fromkeys(str(name_of(work.path)) for work in preview.works)
            show.line(f"to choose from: --styles {shlex.join(names)}")
    return path


def _sheet_of(film: Path) -> Path:
    """The file of the sheet: the film's own name if that is a picture's, else one beside it."""
    if format_of(film).kind == "sheet":
        return film
    return film.with_name(f"{film.stem}-preview.png")
