"""The clips of a plan, each looked at and digested once for all films of it."""

from functools import lru_cache, partial
from pathlib import Path

from medley.events import Listener, stage
from medley.film.clips import Clip, Part, open_for_film
from medley.pictures import content_size
from medley.settings import ClipOrder
from medley.settings.film import SILENT
from medley.studio.shooting.footage import Footage, read_footage


class ClipCache:
    """Looks at clips for a plan; of each, the first frame is kept."""

    def __init__(self, listener: Listener) -> None:
        """Begin without any.

        Args:
            listener: takes "stage" events while a clip is decoded.
        """
        self._listener = listener
        self._open = lru_cache(maxsize=None)(self._look_at)
        self._read = lru_cache(maxsize=None)(self._look_through)

    def look(self, order: ClipOrder) -> tuple[ClipOrder, Footage]:
        """Look at an order's clip, and settle the order's frame rate by it.

        Raises:
            FilmError: it is no clip, has no frames in the part that is wanted, or only damaged
                ones.
            PictureError: there is no such file, or its pictures cannot be read.
        """
        (path,) = order.content
        part = Part(order.film.fps, order.part.begin_s, order.part.end_s)
        is_heard = order.film.audio != SILENT
        clip = self._open(path, part, order.film_path, is_heard)
        height, width = content_size(clip.height, clip.width, order.shot)
        footage = self._read(clip, height, width)
        film = order.film.model_copy(update={"fps": clip.fps})
        return order.model_copy(update={"film": film}), footage

    def _look_at(self, path: Path, part: Part, film: Path, is_heard: bool) -> Clip:
        title = f"counting the frames of '{path.name}'"
        return open_for_film(path, part, film, is_heard, partial(self._tell, title))

    def _look_through(self, clip: Clip, height: int, width: int) -> Footage:
        title = f"looking through '{clip.path.name}'"
        return read_footage(clip, height, width, partial(self._tell, title))

    def _tell(self, title: str, done: int, frames: int) -> None:
        self._listener(stage(title, done, frames))
