"""Pairs that a style network is trained on: photos and results of finished shots."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from medley.decoders import size_in
from medley.errors import OutputError, PictureError
from medley.images import Pixels, read_picture, thumbnail
from medley.paintings.draws import Painting
from medley.settings import SHORTEST_TRAINING_SIDE
from medley.stylenet.crops import Pair
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace, open_workspace

_NAMED = 5  # paintings that a message lists

Number = Callable[[str], int | None]


def find_pairs(
    places: Sequence[Path],
    paintings: Sequence[Painting[Pixels]],
    side: int,
    tell: Callable[[str], None],
) -> list[Pair]:
    """Find the finished shots after some paintings, each as its photo and its last iterate.

    A shot's painting is told by its pixels, or by its file's name where the file is gone. Of the
    shots those count that set out from the photo itself (so that it is their step 0), repaint all
    of it, in the colours of one painting.

    Args:
        places: workspaces.
        paintings: paintings that are learned.
        side: long side of their pixels.
        tell: takes a line about what is passed over.

    Raises:
        OutputError: a place is no workspace, or no finished shot of it can be used.
        PictureError: no shot of it is after one of the paintings.
    """

    @cache
    def number(file: str) -> int | None:
        return _number_of(Path(file), paintings, side)

    return [pair for place in places for pair in _pairs_in(open_workspace(place), number, tell)]


def _pairs_in(place: Workspace, number: Number, tell: Callable[[str], None]) -> Iterator[Pair]:
    shots = [shot for shot in place.shots() if shot.is_finished or shot.is_pruned]
    if not shots:
        raise OutputError(
            f"no shot in '{place.root}' is finished; run the command that began them, or name"
            " another workspace"
        )
    styles = [_style_of(shot, number) for shot in shots]
    after = [(shot, style) for shot, style in zip(shots, styles, strict=True) if style is not None]
    if not after:
        raise PictureError(
            f"no finished shot in '{place.root}' is after a painting that is to be learned; there"
            f" are shots after {_paintings_of(shots)}"
        )
    reasons = [_unfit(shot) for shot, _ in after]
    unfit = Counter(reason for reason in reasons if reason)
    if unfit.total() == len(after):
        raise OutputError(
            f"no finished shot in '{place.root}' can be learned from: one {next(iter(unfit))};"
            " name another workspace"
        )
    for reason, count in unfit.items():
        them = "a shot that" if count == 1 else f"{count:,} shots, each of which"
        tell(f"passed over: {them} {reason}, in '{place.root}'")
    for (shot, style), reason in zip(after, reasons, strict=True):
        if not reason:
            yield _pair(shot, style)


def _style_of(shot: Shot, number: Number) -> int | None:
    _, files = shot.files
    return number(files[0]) if len(files) == 1 and isinstance(files[0], str) else None


def _paintings_of(shots: Sequence[Shot]) -> str:
    """The paintings of shots for a message, the commonest first."""
    counts = Counter(
        " + ".join(Path(str(file)).stem for file in shot.files[1]) or "unknown" for shot in shots
    )
    named = ", ".join(f"'{name}' ({count:,})" for name, count in counts.most_common(_NAMED))
    return f"{named} and {len(counts) - _NAMED:,} more" if len(counts) > _NAMED else named


def _number_of(file: Path, paintings: Sequence[Painting[Pixels]], side: int) -> int | None:
    """The number of the painting that a file shows; None if it shows none of them."""
    try:
        shown = thumbnail(read_picture(file), side)
    except PictureError:
        same = (work.path.stem == file.stem for work in paintings)
    else:
        same = (np.array_equal(work.picture, shown) for work in paintings)
    return next((number for number, is_same in enumerate(same) if is_same), None)


def _unfit(shot: Shot) -> str:
    """Why a shot teaches a network something else; "" if it does not."""
    about, steps = shot.description, shot.steps()
    settings = about.get("settings")
    if about.get("start") != "content" or not isinstance(settings, dict):
        return "sets out from another picture than the photo"
    if settings.get("preserve_color", "off") != "off":
        return "has the photo's colours"
    if settings.get("keep") is not None:
        return "keeps a part of the photo"
    if len(steps) < 2 or steps[0] != 0:
        return "lacks its first or its last iterate"
    pair = _pair(shot, 0)
    try:
        sizes = {size_in(pair.photo), size_in(pair.target)}
    except PictureError as error:
        return f"is damaged, as {error}"
    if len(sizes) > 1:
        return "has results of another size than its photo's"
    if min(*sizes.pop()) < SHORTEST_TRAINING_SIDE:
        return f"has fewer than {SHORTEST_TRAINING_SIDE} pixels on its shorter side"
    return ""


def _pair(shot: Shot, style: int) -> Pair:
    return Pair(shot.step_path(0), shot.step_path(shot.steps()[-1]), style)
