"""Cutting of a planned film from its finished shots, whatever kind of film it is."""

from dataclasses import dataclass

from medley.errors import ShotError
from medley.events import Event, Listener, stage
from medley.media.film_file import FilmFacts
from medley.settings import ClipOrder, RenderOrder, WalkOrder
from medley.studio.clip import cut_clip
from medley.studio.editing.measure import Measure
from medley.studio.film_spec import FilmSpec
from medley.studio.picture_cache import PictureCache
from medley.studio.render import cut_render
from medley.studio.reopening import reopened
from medley.studio.walk import cut_walk

_LOOK_S = 0.5  # between two looks at whether the run was interrupted


@dataclass(frozen=True)
class MadeFilm:
    """A film that has been cut.

    Attributes:
        film: the planned film; in a sweep its networks have been measured.
        facts: facts of the file as it was read back.
        measures: a row for each pair and network of a sweep; empty for other films.
    """

    film: FilmSpec
    facts: FilmFacts
    measures: tuple[Measure, ...] = ()


def cut(
    film: FilmSpec, listener: Listener, pictures: PictureCache, keeps_made: bool = False
) -> MadeFilm | None:
    """Cut a film from its finished shots, and write the files that lie beside it.

    Args:
        film: film whose shots are all finished.
        listener: takes "cutting" events for frames and "stage" events for computations. What it
            raises ends the cut.
        pictures: cache that gives the pixels of photos and paintings.
        keeps_made: True to keep a film that was made of the same shots in the same way: if another
            run is cutting it just now, that run is waited for.

    Returns:
        The film, or None if another run has made it.

    Raises:
        MedleyError: the film cannot be made, or a picture was changed since it was planned.
        ShotError: shots are damaged, or were removed meanwhile; they count as unfinished now.
    """
    try:
        if keeps_made:
            return _cut_or_keep(film, listener, pictures)
        return _cut_claimed(film, listener, pictures)
    except ShotError as error:
        raise reopened(error, film.workspace, film.keys) from error


def _cut_claimed(film: FilmSpec, listener: Listener, pictures: PictureCache) -> MadeFilm:
    """Cut a film whatever lies there; arguments are those of `cut`."""
    with film.outputs.claimed(film.workspace):
        return _cut(film, listener, pictures)


def _cut_or_keep(film: FilmSpec, listener: Listener, pictures: PictureCache) -> MadeFilm | None:
    """Cut a film unless another run makes it; arguments are those of `cut`."""
    path = film.path

    def tell(text: str) -> None:
        listener(Event("told", str(path), text=text))

    with film.outputs.claim(film.workspace) as claim:
        if not claim.take_now():
            tell(f"another process is cutting '{path}'; waiting")
            while not claim.take_now(_LOOK_S):
                # Told again and again: by raising, the listener ends the wait.
                listener(stage(f"waiting for another process's '{path.name}'", 0, 1))
        if film.is_there():
            return None
        film.outputs.remove_parts()
        for note in film.notes:  # nobody sat there to be told when it was planned
            tell(note)
        return _cut(film, listener, pictures)


def _cut(film: FilmSpec, listener: Listener, pictures: PictureCache) -> MadeFilm:
    if not all(film.workspace.shot(key).is_finished for key in film.keys):
        # One of which only the result is left could be cut, without its iterates.
        raise ShotError("shots are not finished; the same command takes them")
    film.workspace.note_film(film.outputs.sidecar)

    def on_frame(frame: int, frames: int) -> None:
        listener(Event("cutting", str(film.path), step=frame, steps=frames))

    order = film.order
    if isinstance(order, RenderOrder):
        return MadeFilm(film, cut_render(film, order, pictures, on_frame))
    if isinstance(order, WalkOrder):
        return MadeFilm(film, cut_walk(film, order, pictures, on_frame))
    if isinstance(order, ClipOrder):
        return MadeFilm(film, cut_clip(film, order, pictures, on_frame))
    # torch takes a second to import, and only a sweep needs it: a network scores its pictures.
    from medley.studio.sweep import cut_sweep

    film, facts, measures = cut_sweep(film, order, listener, pictures, on_frame)
    return MadeFilm(film, facts, tuple(measures))
