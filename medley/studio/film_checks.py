"""Checks of films before any shot is taken: time, encoding, folders, and what would be replaced."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from medley.errors import OutputError, Setting
from medley.film.encode import check_frame
from medley.film.lettering import undrawable
from medley.paintings.draws import Draw
from medley.pictures import Picture, scale_notes
from medley.settings import ClipOrder, FilmOrder, SweepOrder, WalkOrder
from medley.studio.differences import differences
from medley.studio.editing.credits import credit_lines
from medley.studio.editing.cut import check_film, layout_of, title_notes
from medley.studio.editing.outputs import Outputs, check_output
from medley.studio.editing.panes import plan_panes
from medley.studio.film_shots import lap_of, muddy_notes, parts_of_sweep
from medley.studio.film_spec import FilmSpec, variants_shown

# Cached: laying out a long film takes a tenth of a second, and many films are cut alike.
_check_film = lru_cache(maxsize=1000)(check_film)
_undrawable = lru_cache(maxsize=100)(undrawable)


class FilmChecks:
    """Checks of one film after another; what several films have in common is checked once."""

    def __init__(self, force: bool, unattended: bool, writes: bool) -> None:
        """Keep what the films' planner was told; arguments as in `plan`."""
        self._force, self._unattended, self._writes = force, unattended, writes
        self._encodings: dict[tuple[Any, ...], tuple[str, ...]] = {}
        self._folders: set[Path] = set()

    def encoding(self, order: FilmOrder) -> tuple[str, ...]:
        """Check that the film can be encoded here; each way to encode is tried once."""
        path, film = order.film_path, order.film
        key = path.suffix, film.codec, film.encoder, film.crf, film.music, film.fps
        if key not in self._encodings:
            self._encodings[key] = tuple(check_output(path, film))
        return self._encodings[key]

    def frame(self, order: FilmOrder, contents: Sequence[Picture]) -> None:
        """Check that the film's format and encoder take frames of the size that it will have."""
        sizes = [(content.height, content.width) for content in contents]
        if isinstance(order, SweepOrder):
            shown = len(variants_shown(order))
            _, whole = plan_panes(sizes, shown, order.sweep.layout, order.film)
        else:
            whole = layout_of(sizes, order.film)
        check_frame(order.film_path, order.film, whole.height, whole.width)

    def folder(self, order: FilmOrder) -> Outputs:
        """Name a film's files; check that their folder can be written to, before any other work."""
        outputs = Outputs(order.film_path, measured=isinstance(order, SweepOrder))
        if self._writes and outputs.film.parent not in self._folders:
            # Forced here: `outputs` finds out later whether an existing film may go.
            outputs.check(True, order.inputs)
            self._folders.add(outputs.film.parent)
        return outputs

    def outputs(self, film: FilmSpec) -> None:
        """Check that the film does not replace another one unasked.

        Raises:
            OutputError: it would; if the other one was made otherwise, the message says how.
        """
        if self._writes and any(path.exists() for path in film.outputs.all):
            film.outputs.check_own()
            inputs = {*film.order.inputs, *(work.path for work in film.works)}
            # A run killed while publishing leaves the files beside a film without the film.
            is_ours = self._unattended and not film.path.exists() and film.sidecar_matches()
            force = self._force or is_ours
            if not force and film.path.exists() and (how := differences(film)):
                raise OutputError(
                    f"'{film.path}' exists and was made otherwise: ", *how, "; pass ",
                    Setting("force", True), " to replace it, or name another",
                )  # fmt: skip
            film.outputs.check(force, sorted(inputs))


def check_time(order: FilmOrder, parts: int) -> None:
    """Check that a film of so many shots, or pairs of a photo and a painting, can be laid out.

    Raises:
        FilmError: there is too little time, or a walk or a split has too little to show.
    """
    if isinstance(order, ClipOrder):  # of which `plan_clip` knows the frames
        return
    if isinstance(order, WalkOrder):
        lap_of(order, max(2, parts))
        return
    if isinstance(order, SweepOrder):
        parts = parts_of_sweep(order, parts)
    _check_film(parts, order.film.fitted(order.film_path))


def notes_of(
    contents: Sequence[Picture],
    drawn: Draw[Picture],
    skipped: Mapping[str, None],
    order: FilmOrder,
) -> list[str]:
    """List what the user should know of a film's inputs.

    Args:
        contents: photos at their sizes.
        drawn: paintings that were drawn.
        skipped: reasons why pictures were passed over, each once.
        order: order of the film.
    """
    notes = [f"passed over: {reason}" for reason in skipped]
    sizes = dict.fromkeys((content.height, content.width) for content in contents)
    scaled = [note for size in sizes for note in scale_notes(order.shot, *size)]
    notes += dict.fromkeys(scaled)
    photos = {content.path.resolve() for content in contents}
    notes += [
        f"'{work.path}' is the photo itself, and after itself it changes in nothing; leave it out"
        " of the paintings"
        for work in drawn.paintings
        if work.path.resolve() in photos
    ]
    if isinstance(order, SweepOrder):
        return notes
    if drawn.catalog and drawn.catalog.absent:
        notes.append(f"{len(drawn.catalog.absent):,} rows of the catalog have no file here")
    usual = type(order.film).model_fields["title_seconds"].default
    if not order.film.title and order.film.title_seconds != usual:
        notes.append(
            f"the title would stand for {order.film.title_seconds:g} s, and there is no title"
        )
    words = [order.film.title or "", *map(credit_lines, drawn.paintings)]
    if lost := _undrawable("\n".join(words)):
        notes.append(f"no font here has {lost}; boxes stand for them until one is installed")
    if isinstance(order, WalkOrder):
        notes += muddy_notes(order, len(drawn.paintings))
        lap = lap_of(order, len(drawn.paintings))
        notes += title_notes(order.film.fitted(order.film_path), lap.frames)
    return notes
