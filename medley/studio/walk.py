"""The style walk: a picture that follows a target through the paintings, and the film of its lap.

A walk has two shots. The first is an ordinary shot of the last painting; the second goes on from
its result to the first painting and then through all of them, back to the first. The frames before
the first painting are shown only as what the end dissolves into. That dissolve takes as long as the
way from one painting to the next, because a faster one would be seen as a hurry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from medley.errors import FilmError, PictureError, Setting
from medley.files import in_full, part_files
from medley.film.mix import mix
from medley.film.timeline import Frame, walk_timeline
from medley.media.probe import FilmFacts
from medley.paintings.draws import Draw
from medley.pictures import Picture
from medley.settings import EncodeSettings, FilmSettings, ShotSettings, WalkOrder, WalkSettings
from medley.studio.editing.beside import (
    describe_content,
    describe_film,
    describe_machine,
    describe_painting,
    describe_run,
    resolved_order,
    write_beside,
)
from medley.studio.editing.credits import credit_lines, titles
from medley.studio.editing.cut import cut_medley, segment_of
from medley.studio.film_spec import FilmSpec
from medley.studio.picture_cache import PictureCache
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.spec import ShotSpec
from medley.studio.shot_maker import ShotMaker
from medley.transfer.style_path import Walk

_FEWEST_FRAMES = 2  # least frames from one painting to the next


@dataclass(frozen=True)
class Lap:
    """The numbers of frames of a walk's lap and of the way to its first painting.

    Attributes:
        frames: number of frames from the first painting through all others back to it.
        lead: number of frames from one painting to the next; as many at the lap's end dissolve
            into those that led up to it.
    """

    frames: int
    lead: int

    def timeline(self, every: int) -> list[Frame]:
        """The content of each frame, if there is one for every `every` steps."""
        return walk_timeline(self.frames, self.lead, every)


def lap_of(order: WalkOrder, paintings: int) -> Lap:
    """Count a walk's frames, from exact fractions.

    Raises:
        FilmError: there are too few between two paintings.
    """
    fps, seconds = order.film.fitted(order.film_path).fps, order.walk.seconds_per_painting
    leg = fps * Fraction(str(seconds))
    if leg < _FEWEST_FRAMES:
        raise FilmError(
            f"{seconds:g} s from one painting to the next are less than {_FEWEST_FRAMES} frames at"
            f" {float(fps):.5g} fps; raise ",
            Setting("seconds_per_painting"),
        )
    return Lap(round(leg * paintings), round(leg))


def plan_walk(
    order: WalkOrder, content: Picture, drawn: Draw[Picture], maker: ShotMaker
) -> list[ShotSpec]:
    """List a walk's two shots: the one that it sets out from, and the one that follows the path.

    Args:
        order: order of the film.
        content: photo at its size.
        drawn: paintings that were drawn, in the film's order.
        maker: maker of the shots' specs.

    Raises:
        FilmError: there are too few frames.
        PictureError: there is only one painting, or the starting picture cannot be used.
    """
    works = drawn.paintings
    if len(works) < 2:
        raise PictureError(
            f"a walk goes through 2 paintings or more, and there is only '{works[0].path}'; name"
            " others with ",
            Setting("styles"),
        )
    lap, every = lap_of(order, len(works)), order.walk.steps_per_frame
    opening = maker.make(content, works[-1:], titles(works[-1:]))
    path = Blend(walk=Walk(lap.frames * every, lap.lead * every, order.walk.linger))
    following = replace(maker, settings=following_settings(order.shot, order.walk, lap))
    title = f"the walk through {titles(works)}"
    return [opening, following.make(content, works, title, opening, path)]


def following_settings(settings: ShotSettings, walk: WalkSettings, lap: Lap) -> ShotSettings:
    """Change the first shot's settings into those of the shot that follows the path.

    Adam replaces L-BFGS, which would mistake the moving target for curvature and jerk, while Adam's
    steps have one size. The content weighs more, because what is lost of it on the way does not
    come back.
    """
    every = walk.steps_per_frame
    return settings.model_copy(
        update={
            "steps": (lap.lead + lap.frames - 1) * every,
            "keep_every": every,
            "optimizer": "adam",
            "learning_rate": walk.walk_rate,
            "content_weight": walk.photo_pull * settings.content_weight,
            "history": None,
            "scales": 1,
        }
    )


def cut_walk(
    film: FilmSpec,
    order: WalkOrder,
    pictures: PictureCache,
    on_frame: Callable[[int, int], None],
) -> FilmFacts:
    """Cut a finished walk into a film, with its poster, credits and sidecar.

    None of the files appears before all of them are whole.

    Args:
        film: film whose two shots are finished.
        order: order of the film.
        pictures: cache that gives the pixels of photo and paintings.
        on_frame: called with the number of frames written and their total.

    Raises:
        FilmError: the film cannot be encoded.
        OutputError: a file cannot be written.
        PictureError: a picture cannot be read any more.
    """
    _, walk = film.shots
    works = walk.paintings
    settings = order.film.fitted(film.path)
    shown = FilmSettings(**dict(settings), captions="none")
    lap = lap_of(order, len(works))
    photo = pictures.pixels(walk.content)
    segment = segment_of(film.workspace.shot(walk.key), "", None)
    timeline = lap.timeline(order.walk.steps_per_frame)
    passed = [round(Fraction(lap.frames * number, len(works))) for number in range(len(works))]
    with part_files(*film.outputs.all) as (*beside, part):
        facts = cut_medley([photo], [segment], shown, film.path, on_frame, part, timeline)
        results = [
            (
                pictures.pixels(work.picture),
                mix(photo, segment.read(timeline[at].first.step), shown.strength),
                credit_lines(work),
            )
            for work, at in zip(works, passed, strict=True)
        ]
        about = _sidecar(film, order, settings, facts, passed)
        write_beside(beside, about, works, (photo, walk.content.path.stem), results)
    return facts


def _sidecar(
    film: FilmSpec,
    order: WalkOrder,
    settings: EncodeSettings,
    facts: FilmFacts,
    passed: Sequence[int],
) -> dict[str, Any]:
    opening, walk = film.shots
    paths = tuple(work.path for work in walk.paintings)
    done = [film.workspace.shot(spec.key).done() for spec in film.shots]
    return {
        **describe_run("walk"),
        "order": resolved_order(film, styles=paths, film=settings),
        "content": describe_content(walk.content),
        "settings": {
            **order.shot.model_dump(mode="json"),
            **order.catalog.model_dump(mode="json"),
            **order.walk.model_dump(mode="json"),
            **settings.model_dump(mode="json"),
        },
        "workspace": in_full(film.workspace.root),
        "weights": walk.weights,
        "opening": {"shot": opening.key, **done[0]},
        "walk": {"shot": walk.key, "lead_frames": lap_of(order, len(paths)).lead, **done[1]},
        "paintings": [
            {**describe_painting(work), "frame": at}
            for work, at in zip(walk.paintings, passed, strict=True)
        ],
        "skipped": film.drawn.skipped,
        "film": describe_film(facts),
        **describe_machine(film.devices),
    }
