"""Small, quick results of a render's paintings, to choose by before the long run.

They are ordinary shots of few pixels and steps in a workspace of their own, which is removed.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from medley.events import Event
from medley.film.mix import mix
from medley.film.poster import contact_sheet
from medley.images import Pixels
from medley.paintings.draws import Painting
from medley.pictures import Picture
from medley.settings import RenderOrder
from medley.shipped import name_of
from medley.studio.editing.credits import credit_lines
from medley.studio.engines.inline import InlineEngine
from medley.studio.engines.jobs import Job
from medley.studio.film_shots import plan_render
from medley.studio.picture_cache import PictureCache
from medley.studio.shooting.devices import choose_precision
from medley.studio.shooting.spec import ShotSpec
from medley.studio.shot_maker import ShotMaker
from medley.vgg.identity import identify_weights
from medley.workspace.store import Workspace

SIDE = 128  # pixels; half of it would not show what becomes of a face
STEPS = 20  # by then it can be told which painting it is; more change little at this size


class Preview(NamedTuple):
    """What a preview shows: one shot after each painting, or after all of them at once.

    Attributes:
        photo: photo at the preview's size.
        shots: specs of the shots, in the film's order.
        skipped: reasons why other paintings were passed over.
    """

    photo: Picture
    shots: list[ShotSpec]
    skipped: list[str]

    @property
    def works(self) -> list[Painting[Picture]]:
        """The paintings of all shots, in the film's order."""
        return [work for spec in self.shots for work in spec.paintings]


def plan_preview(order: RenderOrder, device: str) -> Preview:
    """Look up the photo and draw the paintings of a film, all for a few pixels and steps.

    Args:
        order: order of the film; all that decides the look counts, but size, steps and scales.
        device: device that will compute the shots.

    Raises:
        PictureError: a picture cannot be used, or there are too few paintings.
        WeightsError: the weights are missing or damaged.
    """
    few = {"size": min(order.shot.size or SIDE, SIDE), "steps": min(order.shot.steps, STEPS)}
    settings = order.shot.model_copy(update={**few, "scales": 1})
    pictures = PictureCache(holds=True)
    photo = pictures.content(order.content[0], settings)
    drawn = pictures.draw(order.styles, order.catalog, photo, settings)
    maker = ShotMaker(
        settings,
        identify_weights(settings.source).digest,
        choose_precision(settings.precision, device),
        order.catalog.seed,
        pictures,
        Workspace(Path()),
        _ignore,
    )
    apart = order.film.model_copy(update={"transition": "cut"})  # in a chain one waits for another
    alone = order.model_copy(update={"film": apart})
    return Preview(photo, plan_render(alone, photo, drawn, maker, _ignore), drawn.skipped)


def take_preview(preview: Preview, device: str, listener: Callable[[Event], None]) -> list[Pixels]:
    """Take a preview's shots, and give the last picture of each.

    Args:
        preview: what is shown.
        device: device that computes.
        listener: takes the events of the shots.

    Raises:
        MedleyError: a shot cannot be taken.
    """
    with TemporaryDirectory(prefix="medley-preview-") as folder:
        workspace = Workspace(Path(folder))
        engine = InlineEngine(device, workspace, several=len(preview.shots) > 1)
        with closing(engine.run(Job(spec, spec.title) for spec in preview.shots)) as events:
            for event in events:
                if event.error:
                    raise event.error
                listener(event)
        return [workspace.shot(spec.key).result() for spec in preview.shots]


def draw_preview(preview: Preview, results: list[Pixels], strength: float) -> Pixels:
    """Hang photo and results on one sheet, each with its painting's name, title and painter.

    Args:
        preview: what is shown.
        results: last picture of each of its shots.
        strength: share of the result in the mix with the photo, in [0, 1].
    """
    photo = preview.photo.pixels()
    hung = [
        (spec.paintings[0].picture.pixels(), mix(photo, result, strength), _label(spec))
        for spec, result in zip(preview.shots, results, strict=True)
    ]
    return contact_sheet(photo, hung, content_caption=preview.photo.path.stem)


def _label(spec: ShotSpec) -> str:
    names = " + ".join(name_of(work.path).name for work in spec.paintings)
    known = [work for work in spec.paintings if work.is_known]
    return "\n".join(part for part in (names, credit_lines(*known).replace("\n", ", ")) if part)


def _ignore(_: str) -> None:
    """Leave what is said of masks to the film: at this size each of them is resized."""
