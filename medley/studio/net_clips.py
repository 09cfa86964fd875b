"""Clips that a style network repaints frame by frame, as a film of the same length and sound."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, repeat
from pathlib import Path
from typing import Any

import numpy as np

import medley
from medley.errors import FilmError, Setting
from medley.events import Listener, stage
from medley.film.clips import Clip, Part, open_for_film
from medley.film.encode import check_frame
from medley.images import Pixels, size_for_side
from medley.media.film_file import Chapter, FilmFacts, Tags
from medley.media.sound import ClipSound
from medley.paintings.draws import Painting
from medley.settings import ApplySettings, CutSettings, FinishSettings
from medley.settings.film import format_of
from medley.studio.editing.credits import one_line
from medley.studio.editing.cut import encode
from medley.studio.net_stills import LoadedNet
from medley.studio.net_walk import NetWalk, passages_of
from medley.stylenet.finish import finish
from medley.stylenet.ready import ReadyPainter


@dataclass(frozen=True)
class NetClip:
    """A style network, and the film that it makes of a clip.

    Attributes:
        net: network, and what of its paintings is mixed, or the way on which it passes them.
        look: painting as it was asked for, and size of the film.
        preserving: settings with `preserve_color`.
        film: compression and strength; the frame rate is the clip's.
        seconds: least film time from one painting to the next, of a walk.
        is_silent: whether a clip's own sound is left out.
    """

    net: LoadedNet | NetWalk
    look: ApplySettings
    preserving: FinishSettings
    film: CutSettings
    seconds: float
    is_silent: bool = False

    def look_at(self, path: Path, part: Part, output: Path, tell: Callable[[str], None]) -> Clip:
        """Look at a clip before the work, and find out whether its frames can be encoded.

        Args:
            path: the clip.
            part: what is wanted of it.
            output: file of the film, whose encoding has been checked.
            tell: takes a line about each thing that is amiss and does not prevent the film.

        Raises:
            FilmError: it is no clip, its frames cannot be encoded so, or a walk has too few of them
                between two paintings; or OpenCV is not there to hold them steady.
            PictureError: there is no such file, or pictures of it cannot be read.
        """
        clip = open_for_film(path, part, output, not self.is_silent)
        for note in clip.notes:
            tell(note)
        check_frame(output, self.film, *self._size(clip))
        self._passed(clip)
        self._holding()
        return clip

    def make(
        self, clip: Clip, output: Path, title: str, listener: Listener, part: Path | None = None
    ) -> tuple[FilmFacts, dict[str, Any]]:
        """Repaint a clip frame by frame; a film appears under its name only when it is whole.

        Args:
            clip: the clip.
            output: file of the film.
            title: name of the clip for the listener.
            listener: takes a "stage" event after each frame.
            part: a part file of the caller's to write to.

        Returns:
            The film as it was read back, and how it was made.

        Raises:
            FilmError: the clip cannot be read any more, or ffmpeg fails.
            OutputError: the film cannot be written.
            ResourceError: the disk has no room for frames so large.
        """
        began, size, passed = time.monotonic(), self._size(clip), self._passed(clip)
        facts = self._facts(clip, size)
        chapters = tuple(Chapter(at, one_line(work)) for at, work in passed)
        sound = None
        if clip.sound and format_of(output).sound and not self.is_silent:
            sound = ClipSound(clip.path, clip.sound, clip.start_s)
        settings = self.film.model_copy(update={"fps": clip.fps, "loop": False})
        with closing(clip.frames(size)) as frames:
            film = encode(
                self._painted(frames, self._painters(clip)),
                clip.frame_count, size, settings, output,
                lambda done, all_: listener(stage(title, done, all_)),
                part, Tags(chapters, json.dumps(facts)), sound,
            )  # fmt: skip
        return film, facts | {"seconds": round(time.monotonic() - began, 3)}

    def _size(self, clip: Clip) -> tuple[int, int]:
        if self.look.size is None:
            return clip.height, clip.width
        height, width = size_for_side(clip.height, clip.width, self.look.size)
        return max(1, height), max(1, width)

    def _passed(self, clip: Clip) -> list[tuple[int, Painting[None]]]:
        """The paintings that a walk reaches in a clip, and at which frames; none without a walk."""
        if isinstance(self.net, LoadedNet):
            return []
        passages = passages_of(clip.fps, self.seconds, clip.frame_count)
        return list(zip(passages, cycle(self.net.works), strict=False))

    def _painters(self, clip: Clip) -> Iterator[ReadyPainter]:
        """The network with the mix of each frame."""
        if isinstance(self.net, LoadedNet):
            return repeat(self.net.painter)
        return self.net.along([at for at, _ in self._passed(clip)])

    def _painted(
        self, frames: Iterator[Pixels], painters: Iterator[ReadyPainter]
    ) -> Iterator[Pixels]:
        """Repaint frames; one that is as the one before is not painted again by the same mix."""
        before = shown = np.empty((0, 0, 3), np.uint8)
        last, hold = None, self._holding()
        for frame, painter in zip(frames, painters, strict=False):
            if painter is not last or not np.array_equal(frame, before):
                made = painter.repaint(frame)
                new = finish(made, frame, self.preserving.preserve_color, self.film.strength)
                shown = hold(frame, new)
                before, last = frame, painter
            yield shown

    def _holding(self) -> Callable[[Pixels, Pixels], Pixels]:
        """What makes of a frame and its result the one that is shown.

        Raises:
            FilmError: OpenCV is not there.
        """
        if not self.look.smooth:
            return lambda _, made: made
        try:
            from medley.film.steady import Steady
        except ImportError as error:
            raise FilmError(
                Setting("smooth"), f" needs OpenCV, which cannot be imported here ({error});"
                " pip install 'medley[video]' brings it",
            ) from error  # fmt: skip
        return Steady().hold

    def _facts(self, clip: Clip, size: tuple[int, int]) -> dict[str, Any]:
        """What the film says of itself: names without folders, which are private."""
        height, width = size
        walk = {"style": self.look.style, "seconds_per_painting": self.seconds}
        return {
            "medley": medley.__version__,
            "command": "apply",
            "content": clip.path.name,
            "network": self.net.name,
            "paintings": self._paintings(clip),
            "height": height,
            "width": width,
            "frames": clip.frame_count,
            "fps": str(clip.fps),
            "settings": {
                **(walk if isinstance(self.net, NetWalk) else {}),
                "size": self.look.size,
                "smooth": self.look.smooth,
                "preserve_color": self.preserving.preserve_color,
                "strength": self.film.strength,
            },
        }

    def _paintings(self, clip: Clip) -> dict[str, float] | list[dict[str, Any]]:
        """The share of each painting, or those that a walk reaches, and when."""
        if isinstance(self.net, LoadedNet):
            return {title: round(share, 4) for title, share in self.net.shares.items()}
        return [{"title": work.title, "frame": at} for at, work in self._passed(clip)]
