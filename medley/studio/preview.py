"""Small, quick results of a render's paintings, to choose by before the long run.

They are the plan of a film of few pixels and steps in a workspace that is removed; none is cut.
Where it is wished, the network that ships draws the paintings that it knows instead, in one pass.
"""

import filecmp
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple

from medley.events import Listener
from medley.film.mix import mix
from medley.film.poster import contact_sheet
from medley.images import Pixels
from medley.moments import stem_of
from medley.settings import RenderOrder
from medley.shipped import name_of, shipped_files
from medley.shipped_nets import MANY, net_files
from medley.studio.editing.credits import Work, credit_lines
from medley.studio.engines.inline import InlineEngine
from medley.studio.film_spec import FilmSpec
from medley.studio.plan import Plan, plan
from medley.studio.shooting.spec import ShotSpec
from medley.stylenet import netfile
from medley.stylenet.mix import place_of
from medley.stylenet.netfile import StyleName

SIDE = 128  # pixels; half of it would not show what becomes of a face
STEPS = 20  # by then it can be told which painting it is; more change little at this size
NET_SIDE = 384  # pixels; the network's strokes have one width, and in more would be finer than ours

Way = Literal["steps", "net"]
"""How a preview's results are drawn: all in a few steps, or by the network what it knows."""


class Small(NamedTuple):
    """A result of a preview, with the shot that it is of, at the result's size."""

    spec: ShotSpec
    pixels: Pixels
    is_by_net: bool = False


def plan_preview(order: RenderOrder, device: str, folder: Path, side: int = SIDE) -> Plan:
    """Plan a film of few pixels and steps, which is made of the same paintings.

    Args:
        order: order of the film; all that decides the look counts, but size, steps and scales.
        device: device that will compute the shots.
        folder: empty folder for the shots.
        side: pixels of the long side, if the film has not fewer.

    Raises:
        PictureError: a picture cannot be used, or there are too few paintings.
        WeightsError: the weights are missing or damaged.
    """
    few = {"size": min(order.shot.size or side, side), "steps": min(order.shot.steps, STEPS)}
    changes = {
        "shot": order.shot.model_copy(update={**few, "scales": 1}),
        # In a chain one shot would wait for another.
        "film": type(order.film)(strength=order.film.strength, transition="cut"),
        "run": order.run.model_copy(update={"workspace": folder}),
        "output": folder / "preview.mp4",
    }
    return plan([order.model_copy(update=changes)], [device], writes=False)


def draw_by_net(film: FilmSpec, order: RenderOrder, device: str, folder: Path) -> dict[str, Small]:
    """What the network that ships makes of the photo after each painting that it knows.

    Args:
        film: planned preview.
        order: order that it was planned of.
        device: device that it was planned for.
        folder: empty folder for the shots.

    Returns:
        Results by the key of their shot in the film.

    Raises:
        WeightsError: the network is missing or damaged.
    """
    net = netfile.read(net_files().get(MANY, Path(MANY)))
    known = {spec.key: shares for spec in film.shots if (shares := _shares(spec, net.styles))}
    if not known:
        return {}
    from medley.studio.net_shot import repaint_shot  # torch, for which a film's run may not wait

    # A painting that was too small, or fails now, has no large shot.
    (large,) = plan_preview(order, device, folder, NET_SIDE).films
    sized = {_files(spec): spec for spec in large.shots}
    return {
        spec.key: Small(big, repaint_shot(net, known[spec.key], big), is_by_net=True)
        for spec in film.shots
        if spec.key in known and (big := sized.get(_files(spec)))
    }


def _shares(spec: ShotSpec, styles: Sequence[StyleName]) -> list[float]:
    """The share of each of a network's paintings in a shot; none if it does not know them all.

    It learned the paintings that ship. Another of the same name is another painting.
    """
    shares = [0.0] * len(styles)
    strengths = spec.blend.strengths or (1.0,) * len(spec.paintings)
    for work, strength in zip(spec.paintings, strengths, strict=True):
        name = _shipped_as(work.path)
        place = place_of(styles, name, work.title) if name else None
        if place is None or spec.blend.masks:
            return []
        shares[place] += strength / sum(strengths)
    return shares


def _shipped_as(path: Path) -> str | None:
    """The name of the shipped painting that a file is, or is a copy of, whatever its own name."""
    ours = shipped_files().items()
    return next((name for name, own in ours if filecmp.cmp(path, own, shallow=False)), None)


def _files(spec: ShotSpec) -> tuple[Path, ...]:
    return tuple(work.path for work in spec.paintings)


def take_preview(
    planned: Plan, device: str, listener: Listener, drawn: Mapping[str, Small]
) -> list[Small]:
    """Take a preview's shots, and give the last picture of each.

    Args:
        planned: what `plan_preview` gave.
        device: device that computes.
        listener: takes the events of the shots.
        drawn: results by key of those shots that need not be taken.

    Raises:
        MedleyError: a shot cannot be taken.
    """
    jobs = [job for key, job in planned.jobs.items() if key not in drawn]
    engine = InlineEngine(device, planned.workspace, several=len(jobs) > 1)
    with closing(engine.run(jobs)) as events:
        for event in events:
            if event.error:
                raise event.error
            listener(event)
    return [
        drawn.get(spec.key) or Small(spec, planned.workspace.shot(spec.key).result())
        for spec in planned.films[0].shots
    ]


def draw_preview(results: Sequence[Small], strength: float) -> Pixels:
    """Hang photo and results on one sheet, each with its painting's name, title and painter.

    Args:
        results: last picture of each shot.
        strength: share of the results in their mix with the photo.
    """
    hung = []
    for spec, pixels, is_by_net in results:
        shown = mix(spec.content.pixels(), pixels, strength)
        hung.append((spec.paintings[0].picture.pixels(), shown, _label(spec, is_by_net)))
    photo = max((each.spec.content for each in results), key=lambda content: content.height)
    return contact_sheet(photo.pixels(), hung, content_caption=stem_of(photo.path))


def name_works(works: Sequence[Work]) -> str:
    """Paintings by the names under which they can be chosen."""
    return " + ".join(name_of(work.path).name for work in works)


def _label(spec: ShotSpec, is_by_net: bool) -> str:
    known = [work for work in spec.paintings if work.is_known]
    about = credit_lines(*known).replace("\n", ", ")
    details = [*([about] if about else []), *(["by the network"] if is_by_net else [])]
    return "\n".join([name_works(spec.paintings), "; ".join(details)]).strip()
