"""What `medley render` does: a film is made, or with --preview a sheet of small results."""

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory

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
    folder = TemporaryDirectory(prefix="medley-preview-")
    with folder as workspace, display(quiet) as show:
        device = name_devices(order.run.device)[0]
        planned = plan_preview(order, device, Path(workspace))
        film = planned.films[0]
        check_free(path, force, [work.path for work in film.works])
        for reason in film.drawn.skipped:
            show.warn(f"passed over: {reason}")
        show.expect_shots("painting", planned.labels, planned.missing_steps)
        sheet = draw_preview(film, take_preview(planned, device, show.on))
        write_bytes(path, encode_still(sheet, SUFFIXES[path.suffix.lower()], "medley preview"))
        if not order.blend.mask:
            names = dict.fromkeys(str(name_of(work.path)) for work in film.works)
            show.line(f"to choose from: --styles {shlex.join(names)}")
    return path


def _sheet_of(film: Path) -> Path:
    """The file of the sheet: the film's own name if that is a picture's, else one beside it."""
    if format_of(film).kind == "sheet":
        return film
    return film.with_name(f"{film.stem}-preview.png")
