"""A clip's frames at a shot's size, streamed, and how a shot follows them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from medley.errors import FilmError
from medley.files import sha256
from medley.film.clips import Clip
from medley.film.cuts import glance, is_cut
from medley.film.flow import flow_method
from medley.images import Pixels
from medley.pictures import Picture, enlargement, held_picture

_VERSION = 3  # of how a picture follows; another one makes other pixels of the same frames


@dataclass(frozen=True)
class Footage:
    """A clip at the size at which it is repainted.

    Attributes:
        clip: the clip.
        first: its first frame, in memory.
        digest: SHA-256 of size and pixels of all frames at that size.
        cuts: numbers of the frames that follow a cut, ascending.
    """

    clip: Clip
    first: Picture
    digest: str
    cuts: tuple[int, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What the user should know of it, in sentences."""
        found = [*self.clip.notes, *enlargement(self.first, self.clip.height, self.clip.width)]
        if flow_method() != "dis":
            found.append(
                "OpenCV is not installed, and scikit-image finds the motion, more slowly and less"
                " well; pip install 'medley[video]' brings it"
            )
        return found

    def frames(self, begin: int = 0) -> Generator[Pixels]:
        """Decode it, one frame at a time.

        Args:
            begin: number of the first frame that is wanted; those before are decoded and left out.

        Yields:
            uint8 RGB `(height, width, 3)`.

        Raises:
            FilmError: it cannot be read any more, or shows something else than when it was looked
                at, which is known before its last frame is given.
            PictureError: a picture of it cannot be read any more.
        """
        size, last = (self.first.height, self.first.width), self.clip.frame_count - 1
        digest = _begun(size)
        with closing(self.clip.frames(size)) as frames:
            for number, frame in enumerate(frames):
                digest.update(frame.data)
                if number == last and digest.hexdigest() != self.digest:
                    raise FilmError(
                        f"'{self.clip.path}' was changed since it was looked at; start again"
                    )
                if number >= begin:
                    yield frame


@dataclass(frozen=True)
class Following:
    """How a shot follows a clip.

    Attributes:
        footage: the clip, of two frames or more.
        steps: optimizer steps in each frame.
        anew: optimizer steps in a frame after a cut.
        flicker: from 0, which holds what does not move, to 1, which begins each frame anew.
        flow: method that finds the motion.
    """

    footage: Footage
    steps: int
    anew: int
    flicker: float
    flow: str

    @property
    def digest(self) -> str:
        """The digest of all that decides pixels."""
        decides = _VERSION, self.steps, self.anew, self.flicker, self.flow
        return sha256(self.footage.digest.encode(), repr(decides).encode())

    @property
    def facts(self) -> dict[str, Any]:
        """What `shot.json` tells of it, for people and for `medley status`."""
        clip = self.footage.clip
        told = {"frames": clip.frame_count, "fps": str(clip.fps), "cuts": list(self.footage.cuts)}
        how = {"steps_per_frame": self.steps, "flicker": self.flicker, "flow": self.flow}
        return {"clip": told | how}


def read_footage(
    clip: Clip, height: int, width: int, on_frame: Callable[[int, int], None] = lambda *_: None
) -> Footage:
    """Look through a clip: digest its frames at a size, and find its cuts.

    Args:
        clip: the clip.
        height: rows of a frame as it is repainted.
        width: columns.
        on_frame: called with the number of frames that were read, and of all.

    Raises:
        FilmError: the clip cannot be read any more.
        PictureError: a picture of it cannot be read any more.
    """
    digest, first = _begun((height, width)), None
    last: Pixels | None = None
    cuts: list[int] = []
    with closing(clip.frames((height, width))) as frames:
        for number, frame in enumerate(frames):
            first = first or held_picture(clip.path, frame.copy())
            digest.update(frame.data)
            seen = glance(frame)
            if last is not None and is_cut(last, seen):
                cuts.append(number)
            last = seen
            on_frame(number + 1, clip.frame_count)
    if first is None:
        raise FilmError(f"'{clip.path}' has no frames; name another clip")
    return Footage(clip, first, digest.hexdigest(), tuple(cuts))


def follow(footage: Footage, steps: int, anew: int, flicker: float) -> Following:
    """Say how a shot follows a clip, with the flow that is to be had here."""
    return Following(footage, steps, anew, flicker, flow_method())


def _begun(size: tuple[int, int]) -> hashlib._Hash:
    return hashlib.sha256(repr(size).encode())
