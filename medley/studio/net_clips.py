"""Clips that a style network repaints frame by frame, as a film of the same length and sound."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import medley
from medley.events import Listener, stage
from medley.film.clips import Clip, Part, open_clip
from medley.film.encode import check_encoding, check_frame
from medley.images import Pixels, size_for_side
from medley.media.film_file import FilmFacts, Tags
from medley.media.sound import ClipSound
from medley.settings import ApplySettings, CutSettings, FinishSettings
from medley.settings.film import format_of
from medley.studio.editing.cut import encode
from medley.studio.net_stills import LoadedNet
from medley.stylenet.finish import finish


@dataclass(frozen=True)
class NetClip:
    """A style network, and the film that it makes of a clip.

    Attributes:
        net: network, and what of its paintings is mixed.
        look: painting as it was asked for, and size of the film.
        preserving: settings with `preserve_color`.
        film: compression and strength; the frame rate is the clip's.
    """

    net: LoadedNet
    look: ApplySettings
    preserving: FinishSettings
    film: CutSettings

    def look_at(self, path: Path, part: Part, output: Path, tell: Callable[[str], None]) -> Clip:
        """Look at a clip before the work, and find out whether a film of it can be written.

        Args:
            path: the clip.
            part: what is wanted of it.
            output: file of the film.
            tell: takes a line about each thing that is amiss and does not prevent the film.

        Raises:
            FilmError: it is no clip, or its frames cannot be encoded so.
            PictureError: there is no such file, or pictures of it cannot be read.
        """
        check_encoding(output, self.film)
        form, clip = format_of(output), open_clip(path, part)
        for note in clip.notes:
            tell(note)
        kept = form.nearest_fps(clip.fps)
        if kept != clip.fps:
            tell(
                f"{output.suffix} cannot keep {float(clip.fps):.5g} frames a second evenly; the"
                f" film has {float(kept):.5g}"
            )
            clip = open_clip(path, Part(kept, part.start_s, part.end_s))
        if clip.sound and not form.sound:
            tell(f"{output.suffix} has no sound; that of '{path}' is left out")
        check_frame(output, self.film, *self._size(clip))
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
        began, size = time.monotonic(), self._size(clip)
        facts = self._facts(clip, size)
        sound = None
        if clip.sound and format_of(output).sound:
            sound = ClipSound(clip.path, clip.sound, clip.start_s)
        settings = self.film.model_copy(update={"fps": clip.fps, "loop": False})
        with closing(clip.frames(size)) as frames:
            film = encode(
                self._painted(frames), clip.frame_count, size, settings, output,
                lambda done, all_: listener(stage(title, done, all_)),
                part, Tags(comment=json.dumps(facts)), sound,
            )  # fmt: skip
        return film, facts | {"seconds": round(time.monotonic() - began, 3)}

    def _size(self, clip: Clip) -> tuple[int, int]:
        if self.look.size is None:
            return clip.height, clip.width
        height, width = size_for_side(clip.height, clip.width, self.look.size)
        return max(1, height), max(1, width)

    def _painted(self, frames: Iterator[Pixels]) -> Iterator[Pixels]:
        """Repaint frames; one that is the same as the one before is not painted again."""
        painter = self.net.painter
        before = shown = np.empty((0, 0, 3), np.uint8)
        for frame in frames:
            if not np.array_equal(frame, before):
                made = painter.repaint(frame)
                shown = finish(made, frame, self.preserving.preserve_color, self.film.strength)
                before = frame
            yield shown

    def _facts(self, clip: Clip, size: tuple[int, int]) -> dict[str, Any]:
        """What the film says of itself: names without folders, which are private."""
        shares = self.net.shares
        height, width = size
        return {
            "medley": medley.__version__,
            "command": "apply",
            "content": clip.path.name,
            "network": self.net.name,
            "paintings": {title: round(share, 4) for title, share in shares.items()},
            "height": height,
            "width": width,
            "frames": clip.frame_count,
            "fps": str(clip.fps),
            "settings": {
                "size": self.look.size,
                "preserve_color": self.preserving.preserve_color,
                "strength": self.film.strength,
            },
        }
