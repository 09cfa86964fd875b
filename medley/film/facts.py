"""A film of any format read back from its file: every frame is decoded, to the last."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from medley.errors import FilmError, PictureError
from medley.film import webp
from medley.film.threads import in_order
from medley.images import read_picture
from medley.media.film_file import FilmFacts, probe
from medley.settings.film import Format, format_of


def read_facts(path: Path, form: Format | None = None) -> FilmFacts:
    """Decode a film to its end and say what is in it, its rate as an exact fraction.

    Args:
        path: the film's file.
        form: its format, if it does not have its name yet.

    Raises:
        FilmError: it cannot be read, or its rate is not constant.
    """
    readers: dict[str, Callable[[Path], FilmFacts]] = {
        "gif": _read_gif,
        "webp": _read_webp,
        "sequence": _read_sequence,
        "sheet": _read_sheet,
    }
    try:
        return readers.get((form or format_of(path)).kind, probe)(path)
    except (PictureError, webp.CorruptFileError) as error:
        raise FilmError(f"'{path}' does not read back: {error}; make it again") from error
    except OSError as error:
        raise FilmError(f"'{path}' cannot be read ({error.strerror}); make it again") from error


def _read_gif(path: Path) -> FilmFacts:
    # ffmpeg takes 3 hundredths for 33 frames a second, and retimes them, unless it keeps its ticks.
    return probe(path, "-fps_mode", "passthrough", "-enc_time_base", "demux")


def _read_webp(path: Path) -> FilmFacts:
    width, height, lengths = webp.read_film(path)
    if len(set(lengths)) != 1 or not lengths[0]:
        raise FilmError(f"the frames of '{path}' do not follow one another evenly; make it again")
    return FilmFacts(path, len(lengths), Fraction(1000, lengths[0]), height, width)


def _read_sequence(path: Path) -> FilmFacts:
    names = sorted(file.name for file in path.iterdir())
    if names != [picture_name(number) for number in range(len(names))] or not names:
        raise FilmError(f"'{path}' does not hold a film's pictures, all of them; make it again")
    sizes = set(in_order(lambda name: read_picture(path / name).size, names))
    width, height = sizes.pop()
    if sizes:
        raise FilmError(f"the pictures in '{path}' are not all of one size; make them again")
    return FilmFacts(path, len(names), None, height, width)


def _read_sheet(path: Path) -> FilmFacts:
    picture = read_picture(path)
    return FilmFacts(path, 1, None, picture.height, picture.width)


def picture_name(number: int) -> str:
    """What a sequence's pictures are called, from 0."""
    return f"{number:06d}.png"
