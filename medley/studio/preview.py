"""Small, quick results of a render's paintings, to choose by before the long run.

They are the plan of a film of few pixels and steps in a workspace that is removed; none is cut.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from medley.events import Listener
from medley.film.mix import mix
from medley.film.poster import contact_sheet
from medley.images import Pixels
from medley.settings import RenderOrder
from medley.shipped import name_of
from medley.studio.editing.credits import Work, credit_lines
from medley.studio.engines.inline import InlineEngine
from medley.studio.film_spec import FilmSpec
from medley.studio.plan import Plan, plan

SIDE = 128  # pixels; half of it would not show what becomes of a face
STEPS = 20  # by then it can be told which painting it is; more change little at this size


def plan_preview(order: RenderOrder, device: str, folder: Path) -> Plan:
    """Plan a film of few pixels and steps, which is made of the same paintings.

    Args:
        order: order of the film; all that decides the look counts, but size, steps and scales.
        device: device that will compute the shots.
        folder: empty folder for the shots.

    Raises:
        PictureError: a picture cannot be used, or there are too few paintings.
        WeightsError: the weights are missing or damaged.
    """
    few = {"size": min(order.shot.size or SIDE, SIDE), "steps": min(order.shot.steps, STEPS)}
    changes = {
        "shot": order.shot.model_copy(update={**few, "scales": 1}),
        # In a chain one shot would wait for another.
        "film": type(order.film)(strength=order.film.strength, transition="cut"),
        "run": order.run.model_copy(update={"workspace": folder}),
        "output": folder / "preview.mp4",
    }
    return plan([order.model_copy(update=changes)], [device], writes=False)


def take_preview(planned: Plan, device: str, listener: Listener) -> list[Pixels]:
    """Take a preview's shots, and give the last picture of each.

    Args:
        planned: what `plan_preview` gave.
        device: device that computes.
        listener: takes the events of the shots.

    Raises:
        MedleyError: a shot cannot be taken.
    """
    jobs = planned.jobs.values()
    engine = InlineEngine(device, planned.workspace, several=len(jobs) > 1)
    with closing(engine.run(jobs)) as events:
        for event in events:
            if event.error:
                raise event.error
            listener(event)
    return [planned.workspace.shot(key).result() for key in planned.films[0].keys]


def draw_preview(film: FilmSpec, results: list[Pixels]) -> Pixels:
    """Hang photo and results on one sheet, each with its painting's name, title and painter.

    Args:
        film: planned preview.
        results: last picture of each of its shots.
    """
    content, strength = film.shots[0].content, film.order.film.strength
    photo = content.pixels()
    hung = [
        (spec.paintings[0].picture.pixels(), mix(photo, result, strength), _label(spec.paintings))
        for spec, result in zip(film.shots, results, strict=True)
    ]
    return contact_sheet(photo, hung, content_caption=content.path.stem)


def _label(works: Sequence[Work]) -> str:
    names = " + ".join(name_of(work.path).name for work in works)
    known = [work for work in works if work.is_known]
    return "\n".join(part for part in (names, credit_lines(*known).replace("\n", ", ")) if part)
