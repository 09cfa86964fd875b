"""The style walk: a picture that follows a target through the paintings, and the film of its lap.

Two shots make it. The first is an ordinary one of the last painting; the second goes on from its
result to the first painting and then all the way round. What leads up to the lap is shown only as
what its end dissolves into: over a whole leg, as a second of it would be seen to hurry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

from medley.errors import FilmError, PictureError
from medley.files import in_full, part_files
from medley.film.compose import mix
from medley.film.facts import FilmFacts
from medley.film.timeline import Frame, walk_timeline
from medley.paintings import Draw, Painting
from medley.settings import EncodeSettings, FilmSettings, ShotSettings, TileWish, WalkSettings
from medley.studio.again import walk_again
from medley.studio.editing.credits import credit_lines, titles
from medley.studio.editing.cut import Outputs, cut_medley, stretch_of
from medley.studio.editing.sidecar import (
    describe_content,
    describe_film,
    describe_machine,
    describe_painting,
    describe_run,
    lay_beside,
)
from medley.studio.render import Plan
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.scene import Scene, fit_tiles, set_scene, shot_key
from medley.studio.shooting.takes import Take
from medley.transfer.walk import Walk
from medley.workspace import Workspace

_FEWEST_FRAMES = 2  # from one painting to the next


@dataclass(frozen=True)
class Lap:
    """A film's frames, and those that lead up to it.

    Attributes:
        frames: from the first painting through all others back to it.
        lead: as many as from one painting to the next; the lap's last dissolve into them.
    """

    frames: int
    lead: int

    def timeline(self, every: int) -> list[Frame]:
        """What each frame shows, where there is one for so many steps."""
        return walk_timeline(self.frames, self.lead, every)


@dataclass(frozen=True)
class WalkPlan:
    """A walk whose inputs have been looked through, and which can begin.

    Attributes:
        opening: takes the shot that the walk goes on from.
        following: takes the walk itself.
        lap: its frames.
        walk: as it was asked for.
    """

    opening: Plan
    following: Plan
    lap: Lap
    walk: WalkSettings

    @property
    def shots(self) -> Plan:
        """Takes both shots, one after the other."""
        return replace(self.following, takes=[*self.opening.takes, *self.following.takes])

    @property
    def paintings(self) -> tuple[Painting, ...]:
        """In the order in which the film passes them."""
        (take,) = self.following.takes
        return take.works


def lay_lap(paintings: int, fps: Fraction, seconds: float) -> Lap:
    """Count a walk's frames, from exact fractions.

    Raises:
        FilmError: there are too few between two paintings.
    """
    leg = fps * Fraction(str(seconds))
    if leg < _FEWEST_FRAMES:
        raise FilmError(
            f"{seconds:g} s from one painting to the next are less than {_FEWEST_FRAMES} frames at"
            f" {float(fps):.5g} fps; raise --seconds-per-painting"
        )
    return Lap(round(leg * paintings), round(leg))


def check_walk(drawn: Draw) -> None:
    """See that there are paintings to go to and fro between.

    Raises:
        PictureError: there is only one.
    """
    if len(drawn.paintings) < 2:
        raise PictureError(
            f"a walk goes through 2 paintings or more, and there is only"
            f" '{drawn.paintings[0].path}'; name others with --styles"
        )


def plan_walk(
    opening: Plan,
    paintings: tuple[Painting, ...],
    walk: WalkSettings,
    fps: Fraction,
    tile: TileWish,
) -> WalkPlan:
    """Set the scene of a walk.

    Args:
        opening: an ordinary shot of the last painting.
        paintings: in the film's order.
        walk: how it goes.
        fps: of the film; there are so many steps for each frame.
        tile: whether in tiles.

    Raises:
        FilmError: there are too few frames.
        RoomError: the walk is still to be taken and the memory does not suffice, even in tiles.
    """
    lap = lay_lap(len(paintings), fps, walk.seconds_per_painting)
    camera, (before,) = opening.camera, opening.takes
    key_of = partial(shot_key, weights_digest=camera.weights.digest, precision=camera.precision)
    take = set_out(before, paintings, walk, lap, key_of, opening.workspace)
    settings = take.scene.settings
    if not take.shot.is_finished and camera.tile is None:
        camera = fit_tiles(camera, opening.content, settings, tile)
    taking = replace(opening, takes=[take], settings=settings, camera=camera)
    return WalkPlan(opening, taking, lap, walk)


def set_out(
    opening: Take,
    paintings: Sequence[Painting],
    walk: WalkSettings,
    lap: Lap,
    key_of: Callable[[Scene], str],
    workspace: Workspace,
) -> Take:
    """Set the scene of the shot that follows the walk.

    Args:
        opening: whose result it goes on from.
        paintings: in the film's order.
        walk: how it goes.
        lap: its frames.
        key_of: gives a scene's shot key.
        workspace: where the iterates go.
    """
    settings, every = following(opening.scene.settings, walk, lap), walk.steps_per_frame
    path = Blend(walk=Walk(lap.frames * every, lap.lead * every, walk.linger))
    scene = set_scene(opening.scene.content, paintings, settings, 0, opening.shot, path)
    first, *others = paintings
    title = f"the walk through {titles(paintings)}"
    shot = workspace.shot(key_of(scene))
    return Take(opening.content_path, first, title, scene, shot, tuple(others))


def following(settings: ShotSettings, walk: WalkSettings, lap: Lap) -> ShotSettings:
    """The settings of the shot that follows the walk, from those of the one before.

    Adam has a step of one size, whatever the target does; L-BFGS takes a target that has moved for
    curvature, and jerks. The photo is held on to more strongly, since what is lost of it on the way
    does not come back.
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
    plan: WalkPlan,
    outputs: Outputs,
    settings: EncodeSettings,
    on_frame: Callable[[int, int], None],
) -> FilmFacts:
    """Cut the finished walk into a film, with its poster, credits and sidecar.

    All of them appear when the last of them is whole.

    Args:
        plan: both of its shots are finished.
        outputs: where the files go.
        settings: rate, size and quality.
        on_frame: called with the number of frames written and their total.

    Raises:
        FilmError: the film cannot be encoded.
        OutputError: a file cannot be written.
    """
    content, (take,) = plan.following.content, plan.following.takes
    film = FilmSettings(**dict(settings), captions="none")
    plan.following.workspace.note_film(outputs.sidecar)
    stretch = stretch_of(take.shot, "", None)
    every = plan.walk.steps_per_frame
    timeline = plan.lap.timeline(every)
    passed = [
        round(Fraction(plan.lap.frames * number, len(plan.paintings)))
        for number in range(len(plan.paintings))
    ]
    with part_files(*outputs.all) as (*beside, part):
        facts = cut_medley([content], [stretch], film, outputs.film, on_frame, part, timeline)
        works = [
            (picture, mix(content, stretch.read(timeline[at].first.step), film.strength), words)
            for picture, at, words in zip(
                take.scene.paintings, passed, map(credit_lines, plan.paintings), strict=True
            )
        ]
        about = _sidecar(plan, settings, facts, passed)
        lay_beside(beside, about, plan.paintings, (content, take.content_path.stem), works)
    return facts


def _sidecar(
    plan: WalkPlan, settings: EncodeSettings, facts: FilmFacts, passed: list[int]
) -> dict[str, Any]:
    opening, walk = (take.shot for take in plan.shots.takes)
    return {
        **describe_run("walk"),
        "order": walk_again(plan, settings, facts.path),
        "content": describe_content(plan.following.takes[0]),
        "settings": {
            **plan.opening.settings.model_dump(mode="json"),
            **plan.opening.catalog.model_dump(mode="json"),
            **plan.walk.model_dump(mode="json"),
            **settings.model_dump(mode="json"),
        },
        "workspace": in_full(plan.following.workspace.root),
        "weights": plan.following.camera.weights.digest,
        "opening": {"shot": opening.key, **opening.done()},
        "walk": {"shot": walk.key, "lead_frames": plan.lap.lead, **walk.done()},
        "paintings": [
            {**describe_painting(work), "frame": at}
            for work, at in zip(plan.paintings, passed, strict=True)
        ],
        "skipped": plan.following.skipped,
        "film": describe_film(facts),
        **describe_machine(plan.following.devices),
    }
