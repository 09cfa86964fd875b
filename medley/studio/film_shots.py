"""Which shots each kind of film has: a medley, a style walk, a clip, or a sweep of networks.

A walk has two shots. The first is an ordinary shot of the last painting; the second goes on from
its result to the first painting and then through all of them, back to the first. The frames before
the first painting are shown only as what the end dissolves into. That dissolve takes as long as the
way from one painting to the next, because a faster one would be seen as a hurry.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from medley.errors import FilmError, PictureError, Setting, listed
from medley.film.clips import Clip
from medley.film.timeline import Frame, walk_shares, walk_timeline
from medley.paintings.draws import Draw, Painting
from medley.pictures import Picture
from medley.settings import (
    ClipOrder,
    RenderOrder,
    ShotSettings,
    SweepOrder,
    SweepSettings,
    WalkOrder,
    WalkSettings,
)
from medley.studio.compression.networks import (
    Network,
    Variant,
    has_float,
    list_variants,
    reference_among,
)
from medley.studio.film_spec import reference_network, variants_shown
from medley.studio.shooting.blend import Blend, paintings_of_blend, read_blend
from medley.studio.shooting.footage import Footage, follow
from medley.studio.shooting.spec import ShotSpec
from medley.studio.shot_maker import ShotMaker
from medley.transfer.style_path import Turns, Walk

_FEWEST_FRAMES = 2  # least frames from one painting to the next
_FEW_ANEW = 30  # steps that bring a frame from its own colours to something of the painting
_CLEAR_STEPS = 60  # least steps in which a picture follows from one painting to the next


def plan_render(
    order: RenderOrder,
    content: Picture,
    drawn: Draw[Picture],
    maker: ShotMaker,
    warn: Callable[[str], None],
) -> list[ShotSpec]:
    """List the shots of a medley: one after each painting, or one after all of them.

    Args:
        order: order of the film.
        content: photo at its size.
        drawn: paintings that were drawn, fitted to the photo.
        maker: maker of the shots' specs.
        warn: takes a line about each mask that may not be as it is meant.

    Raises:
        PictureError: the starting picture is unreadable or too narrow, or masks or weights do not
            fit.
    """
    groups = [[painting] for painting in drawn.paintings]
    if order.blend.is_one_shot:
        groups = [paintings_of_blend(order.blend, drawn)]
    shots: list[ShotSpec] = []
    for works in groups:
        after = shots[-1] if shots and order.film.transition == "chain" else None
        blend = read_blend(order.blend, len(works), content.height, content.width, warn)
        shots.append(maker.make(content, works, after, blend.without_masks()))
    return shots


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

    def shares(self, paintings: int) -> list[dict[int, float]]:
        """How much of each frame belongs to which painting."""
        return walk_shares(self.frames, paintings)

    def passed(self, paintings: int) -> list[int]:
        """The number of the frame at which the lap passes each painting."""
        return [round(Fraction(self.frames * number, paintings)) for number in range(paintings)]


def lap_of(order: WalkOrder, paintings: int) -> Lap:
    """Count a walk's frames; see `lap_at`."""
    fps = order.film.fitted(order.film_path).fps
    return lap_at(fps, order.walk.seconds_per_painting, paintings)


def lap_at(fps: Fraction, seconds: float, paintings: int) -> Lap:
    """Count a walk's frames, from exact fractions.

    Args:
        fps: frames a second.
        seconds: film time from one painting to the next.
        paintings: how many it passes.

    Raises:
        FilmError: there are too few between two paintings.
    """
    leg = fps * Fraction(str(seconds))
    if leg < _FEWEST_FRAMES:
        raise FilmError(
            f"{seconds:g} s from one painting to the next are less than {_FEWEST_FRAMES} frames at"
            f" {float(fps):.5g} fps; raise ",
            Setting("seconds_per_painting"),
        )
    return Lap(round(leg * paintings), round(leg))


def lap_taken(steps: int, every: int, paintings: int) -> Lap:
    """Count the frames of a walk from its shot, whose steps are of lead and lap; see `lap_of`.

    A lap is as long as its leads but for less than half a frame a lead, so one length alone fits.

    Args:
        steps: number of the shot's last step.
        every: steps from one frame to the next.
        paintings: number of paintings.
    """
    frames = steps // every + 1
    lead = round(Fraction(frames, paintings + 1))
    return Lap(frames - lead, lead)


def muddy_notes(order: WalkOrder, paintings: int) -> list[str]:
    """The notes for the user: one if the way between two paintings has too few steps to be clear.

    Args:
        order: order of the film.
        paintings: number of paintings.
    """
    every, fps = order.walk.steps_per_frame, order.film.fitted(order.film_path).fps
    steps = lap_of(order, paintings).lead * every
    if steps >= _CLEAR_STEPS:
        return []
    seconds = math.ceil(10 * _CLEAR_STEPS / (fps * every)) / 10
    return [
        f"this walk will be muddy: {steps} steps from one painting to the next are too few to take"
        f" up the one and let go of the other; {seconds:g} s or"
        f" {math.ceil(_CLEAR_STEPS * every / steps)} steps a frame would do"
    ]


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
    opening = maker.make(content, works[-1:])
    path = Blend(walk=Walk(lap.frames * every, lap.lead * every, order.walk.linger))
    following = replace(maker, settings=following_settings(order.shot, order.walk, lap))
    return [opening, following.make(content, works, opening, path)]


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


def plan_clip(
    order: ClipOrder, footage: Footage, drawn: Draw[Picture], maker: ShotMaker
) -> list[ShotSpec]:
    """List a clip's two shots: an ordinary one of its first frame, and the one that follows it.

    Args:
        order: order of the film.
        footage: the clip at its size.
        drawn: paintings that were drawn, in the film's order.
        maker: maker of the shots' specs.

    Raises:
        FilmError: there is one frame, or there are too few for so many paintings.
        PictureError: the starting picture cannot be used.
    """
    clip, chosen, works = footage.clip, order.clip, drawn.paintings
    if clip.frame_count < 2:
        raise FilmError(
            f"'{clip.path}' is a single frame at {float(clip.fps):.5g} a second, which is a photo;"
            f" repaint '{clip.path}@0s' by medley render, or name a higher ", Setting("fps"),
        )  # fmt: skip
    if chosen.flicker == 1 and chosen.steps_per_frame < _FEW_ANEW:
        maker.warn(
            f"a flicker of 1 begins every frame anew, and {chosen.steps_per_frame} steps leave"
            " little of the painting; a hundred are better"
        )
    walk: Walk | Turns | None = None
    opening = maker.make(footage.first, works[:1])
    if chosen.per_cut:
        works = _shown(footage, works, maker.warn)
    if len(works) > 1 and chosen.per_cut:
        walk = Turns(footage.cuts)
    elif len(works) > 1:
        lap = clip_lap(clip, chosen.seconds_per_painting, len(works))
        walk = Walk(lap, 0, chosen.linger)
    settings = order.shot.model_copy(
        update={
            "steps": clip.frame_count - 1,
            "keep_every": 1,
            "optimizer": "adam",
            "learning_rate": chosen.walk_rate,
            "history": None,
            "scales": 1,
        }
    )
    followed = replace(maker, settings=settings).make(
        footage.first, works, opening, Blend(walk=walk) if walk else None
    )
    how = follow(footage, chosen.steps_per_frame, order.shot.steps, chosen.flicker)
    return [opening, replace(followed, following=how)]


def _shown(
    footage: Footage, works: Sequence[Painting[Picture]], warn: Callable[[str], None]
) -> list[Painting[Picture]]:
    """The paintings to which a clip comes that turns to the next one at each cut."""
    shown = len(footage.cuts) + 1
    if shown < len(works):
        found = "one cut was" if shown == 2 else f"{shown - 1 or 'no'} cuts were"
        warn(
            f"{found} found in '{footage.clip.path}', so that it is painted after"
            f" {shown} of {len(works)} paintings"
        )
    return list(works[:shown])


def clip_lap(clip: Clip, seconds: float | None, paintings: int) -> int:
    """Count the frames from a clip's first painting through all others back to it.

    Args:
        clip: the clip.
        seconds: film time from one painting to the next; None if the clip ends at the last one.
        paintings: how many there are.

    Raises:
        FilmError: there are too few between two paintings.
    """
    if seconds is not None:
        return lap_at(clip.fps, seconds, paintings).frames
    legs = max(1, paintings - 1)
    if clip.frame_count - 1 < _FEWEST_FRAMES * legs:
        raise FilmError(
            f"'{clip.path}' has {clip.frame_count} frames, which are too few for {paintings}"
            f" paintings; name {(clip.frame_count - 1) // _FEWEST_FRAMES + 1} or fewer with ",
            Setting("styles"), " or ", Setting("sample"),
        )  # fmt: skip
    return round(Fraction((clip.frame_count - 1) * paintings, legs))


def swept_variants(sweep: SweepSettings) -> list[Variant]:
    """List the variants that a sweep measures: the reference first, if it is not asked for itself.

    Raises:
        WeightsError: something asked for is made from the float original, which is not here.
    """
    with_float = has_float()
    shown = list_variants(sweep, with_float)
    reference = reference_among(shown, with_float)
    return shown if reference in shown else [reference, *shown]


def sweep_notes(networks: Sequence[Network]) -> list[str]:
    """The notes for the user: on what stands in as the reference, is foreign to it, or is twice."""
    reference, notes = reference_network(networks), []
    if not reference.variant.file and not has_float():
        notes.append(
            f"the float original is not here, so {reference.label} weights stand in as the"
            " reference; medley weights fetch brings it"
        )
    foreign = [one.label for one in networks if one.variant.origin != reference.variant.origin]
    if foreign:
        notes.append(
            f"another training made {listed(foreign, 'and')} than the reference, {reference.label}:"
            " the losses say little of them, they get no distortion and are not recommended; to"
            " measure a file against its own float weights, sweep both files and no widths"
        )
    for digest, times in Counter(one.digest for one in networks).items():
        if times > 1:
            same = listed((one.label for one in networks if one.digest == digest), "and")
            notes.append(f"{same} are the same weights, and their columns will not differ")
    return notes


def parts_of_sweep(order: SweepOrder, pairs: int) -> int:
    """Count the parts of a sweep's film, from the number of pairs of photo and painting.

    Raises:
        FilmError: the film is a split of a single width.
        WeightsError: something asked for is made from the float original, which is not here.
    """
    shown = variants_shown(order)
    if order.sweep.layout == "split" and len(shown) < 2:
        raise FilmError(
            Setting("layout", "split"), f" needs two widths, and '{shown[0].bits:g}' is one; add"
            " another",
        )  # fmt: skip
    return pairs * len(shown) if order.sweep.layout == "sequence" else pairs


def plan_sweep(
    photos: Sequence[tuple[Picture, Draw[Picture]]], networks: Sequence[Network], maker: ShotMaker
) -> list[ShotSpec]:
    """List a sweep's shots: every photo with every painting, each with all networks.

    Args:
        photos: photos at their sizes, each with the paintings fitted to it.
        networks: networks in the film's order.
        maker: maker of the shots' specs.

    Raises:
        PictureError: the starting picture is unreadable or too narrow.
    """
    shots = []
    for content, drawn in photos:
        for painting in drawn.paintings:
            for network in networks:
                own = replace(maker, settings=network.settings, weights=network.digest)
                shots.append(own.make(content, [painting]))
    return shots
