"""The functions of `import medley`: pictures, features, weights and films from Python.

Options are the fields of the schemas in `medley.settings`, under the same names and with the same
defaults as on the command line. A value that no field accepts is a ValueError; an error that a user
can mend, such as an unreadable picture or missing weights, is a `medley.errors.MedleyError`.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from medley.errors import worded
from medley.events import Event
from medley.keywords import Picture, in_keywords, name_of, open_painting, open_picture, read_options
from medley.media.film_file import FilmFacts
from medley.networks import features, load_vgg, quantize
from medley.settings import (
    BlendSettings,
    CatalogSettings,
    RenderOrder,
    RunSettings,
    ShotSettings,
    TileSetting,
)
from medley.settings.catalog import with_shipped
from medley.studio.forecast import prepare
from medley.studio.run import run_one
from medley.studio.shooting.devices import name_devices, one_device
from medley.studio.shooting.model import load_model
from medley.studio.shooting.spec import ShotSpec
from medley.studio.still import StillContext
from medley.transfer.optimize import Iterate

__all__ = ["Iterate", "Picture", "features", "load_vgg", "quantize", "render", "stylize"]

_CATALOG, _RUN = CatalogSettings(), RunSettings()
_log = logging.getLogger("medley")


@worded(in_keywords)
def stylize(
    content: Picture,
    painting: Picture | Sequence[Picture] = (),
    *,
    style_weights: Sequence[float] = (),
    mask: Sequence[str] = (),
    seed: int = _CATALOG.seed,
    device: str = ",".join(_RUN.device),
    tile: TileSetting = _RUN.tile,
    **options: Any,
) -> Iterator[Iterate]:
    """Repaint a picture after a painting, or a mix of several, and yield every iterate.

    Everything is checked and loaded before this returns; steps are computed as the iterator is
    advanced.

        *_, last = medley.stylize("photo.jpg", "painting.jpg", size=256, steps=60)

    Args:
        content: picture that is repainted.
        painting: painting, or several whose styles are mixed; none if masks name them. A text may
            also be the name of a painting that ships, such as "glass".
        style_weights: weights of the paintings relative to each other; equal if there are none.
        mask: masks and their paintings, such as "sky.png=starry.jpg", as on the command line.
        seed: seed of the noise for `init="noise"`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        tile: side in pixels of the tiles that are computed at once, "auto" or "off".
        options: fields of `medley.settings.ShotSettings`, such as `size`, `steps`, `style_weight`.
            `keep_every` is about workspaces and has no effect here.

    Returns:
        An iterator of `Iterate`, step 0 to `steps`: `image` is float32 `(1, 3, height, width)` RGB
        in [0, 1] on the device, and `loss`, `content`, `style` and `tv` are floats.

    Raises:
        ValueError: an option or a picture's shape is not accepted.
        PictureError: a picture is unreadable or too narrow, or a mask covers nothing.
        WeightsError: the weights are missing or damaged.
        ResourceError: the memory does not suffice, even in tiles; also while iterating.
        DivergedError: the loss is no longer finite; while iterating.
    """
    settings = read_options(ShotSettings, options, "stylize")
    run_settings = read_options(RunSettings, {"device": device, "tile": tile}, "stylize")
    seed = read_options(CatalogSettings, {"seed": seed}, "stylize").seed
    wishes = {"mask": list(mask), "style_weights": ",".join(map(str, style_weights))}
    given = {name: wish for name, wish in wishes.items() if wish}
    blending = read_options(BlendSettings, given, "stylize")
    several = painting if isinstance(painting, list | tuple) else [cast("Picture", painting)]
    if bool(several) == bool(mask):
        found = "both" if mask else "none"
        raise ValueError(f"stylize needs paintings or masks that name them, and was given {found}")
    several = several or [wish.painting for wish in blending.mask]
    works = [open_painting(one) for one in several]
    model = load_model(settings, one_device(run_settings.device))
    context = StillContext(works, settings, seed, model, run_settings.tile, blending, _log.warning)
    spec = context.spec(open_picture(content), Path(name_of(content)))
    return _iterate(context, spec)


def _iterate(context: StillContext, spec: ShotSpec) -> Iterator[Iterate]:
    """Check that the memory suffices, and return an iterator of a shot's iterates."""
    iterates = context.iterate(spec)

    def with_keywords() -> Iterator[Iterate]:
        with worded(in_keywords):
            for one in iterates:
                # Who keeps iterates should not keep the optimizer's history with each.
                yield replace(one, state=None)

    return with_keywords()


@worded(in_keywords)
def render(
    content: str | Path,
    styles: str | Path | Sequence[str | Path] = (),
    output: str | Path | None = None,
    *,
    force: bool = False,
    watch: Callable[[Event], None] = lambda _: None,
    **options: Any,
) -> FilmFacts:
    """Make a film of one photo through many paintings: `medley render` from Python.

    Shots are kept in the workspace, and those that are finished there are not taken again.

    Args:
        content: file of the photo.
        styles: folders of paintings, files of paintings, names of paintings that ship such as
            "glass", or "shipped" for all of those; without any, and without masks, three of those
            are drawn, or as many as `sample` says.
        output: file of the film, ending in .mp4; "outputs/CONTENT-medley.mp4" by default.
        force: True to replace a film of that name.
        watch: function that is called with a `medley.events.Event` after each step; it has
            `title`, `step`, `steps`, `loss` and `seconds`.
        options: other names in `medley.settings.RenderOrder.fields()`, such as `sample`, `steps`,
            `fps`, `quality` or `workspace`.

    Returns:
        The film as it was read back: `path`, `frame_count`, `fps`, `height`, `width`.

    Raises:
        ValueError: an option is not accepted.
        MedleyError: something failed that the user can mend, as the subclass says.
    """
    paintings = styles if isinstance(styles, str) else styles or None
    named = {"content": content, "styles": paintings, "output": output}
    order = read_options(RenderOrder, with_shipped(named | options), "render")
    if order.film_path.suffix.lower() != ".mp4":
        raise ValueError(f"a film ends in .mp4, and '{order.film_path}' does not")

    def listener(event: Event) -> None:
        if event.kind == "step":
            watch(event)
        elif event.kind in ("told", "retry"):
            _log.warning(event.text or event.error)

    devices = name_devices(order.run.device)
    ready = prepare([order], devices, listener, force=force, patience="none")
    for note in ready.plan.films[0].notes:
        _log.warning(note)
    made = run_one(ready, listener)
    return made.facts
