"""Frames out of clips where a picture is wanted: of an animation, or at a moment of any clip."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from PIL import Image

from medley.decoders import Decoded, decoded, naming, open_picture, opened
from medley.errors import FilmError, PictureError
from medley.kinds import HEAD, is_raster, kind_of, may_be_picture
from medley.media import video
from medley.moments import Moment
from medley.tiffs import decoding

_ANIMATED = ("AVIF", "GIF", "PNG", "WEBP")
_TOO_SHORT, _SHOWN_LONGER = 10, Fraction(100)  # milliseconds, as browsers have them


def is_animation(path: Path) -> bool:
    """Whether a file is an animated GIF, WebP, AVIF or PNG.

    Raises:
        PictureError: there is no such file, or it is a picture that cannot be opened.
    """
    with naming(path), opened(path) as file:
        begin = file.read(HEAD)
        file.seek(0)
        if not is_raster(begin) or kind_of(begin):
            return False
        with open_picture(file, path) as picture:
            return picture.format in _ANIMATED and getattr(picture, "is_animated", False)


def decode_animation(path: Path) -> Iterator[tuple[Decoded, Fraction]]:
    """Decode one frame of an animation after another, with the seconds for which each is shown.

    A frame that would be gone at once stays for as long as browsers show it.

    Raises:
        PictureError: no such file, no animation, or a frame is damaged.
    """
    with naming(path), opened(path) as file, open_picture(file, path) as picture:
        number = 0
        while _seek(picture, number):
            frame, length = picture.copy(), picture.info.get("duration") or 0
            milliseconds = Fraction(length).limit_denominator(1000)
            shown = milliseconds if milliseconds > _TOO_SHORT else _SHOWN_LONGER
            yield decoded(frame), shown / 1000
            number += 1


def decode_at(moment: Moment, name: Path) -> Decoded:
    """Decode the frame that a clip shows at a moment.

    Args:
        moment: the clip's file and the time.
        name: the path that named them.

    Raises:
        PictureError: there is no such clip, it cannot be read, or it is shorter.
    """
    path, time_s = moment
    ends_s = Fraction(0)
    if is_animation(path):
        for frame, length_s in decode_animation(path):
            ends_s += length_s
            if time_s < ends_s:
                return frame
    elif may_be_picture(path):
        raise PictureError(f"'{path}' is a picture, no clip; name it without '{_mark(name)}'")
    else:
        try:
            clip = video.look(path)
            ends_s = clip.length_s or ends_s
            if (shown := video.frame_at(clip, time_s)) is not None:
                mode = "RGBA" if clip.has_alpha else "RGB"
                return decoded(Image.frombytes(mode, (clip.width, clip.height), shown))
        except FilmError as error:
            raise PictureError(*error.args) from error
    length = f", which lasts {float(ends_s):.4g} s" if ends_s else ""
    raise PictureError(f"there is no '{_mark(name)}' in '{path}'{length}; name an earlier moment")


def _seek(picture: Image.Image, number: int) -> bool:
    """Go to a frame of an animation and decode it; False if there is none of that number."""
    with decoding():
        try:
            picture.seek(number)
        except EOFError:
            return False
        picture.load()
    return True


def _mark(name: Path) -> str:
    """The end of a path that names a moment, such as "@2.5s"."""
    return f"@{name.name.rpartition('@')[2]}"
