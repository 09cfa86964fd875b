"""Clips: films that others have made, as a stream of frames at a constant rate.

A clip is a video, an animated picture, or a folder of numbered pictures. Each frame stands until
the next one's time has come, so that a clip of changing rate becomes one of a constant rate. Only
the frame that is shown is in memory.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from medley.clip_frames import is_animation
from medley.errors import FilmError, PictureError, Setting
from medley.film.threads import in_order
from medley.images import (
    Pixels,
    contain,
    lay_on_white,
    read_animation,
    read_picture,
    resize,
)
from medley.kinds import may_be_picture
from medley.media import video
from medley.settings.film import FASTEST, format_of, read_fps

_UNTOLD = Fraction(30)  # frames a second of a clip that tells no rate, as of other films
_SMOOTHEST = 60  # frames a second of an animation whose frames are of many lengths
_UNEVEN = 1.5  # times the average, from which a rate is that of a clock, not of frames

Shown = TypeVar("Shown")
Size = tuple[int, int]


@dataclass(frozen=True)
class Clip:
    """A clip that has been decoded to its end once.

    Attributes:
        path: the file, or the folder.
        height: rows of a frame, upright and with square pixels.
        width: columns.
        fps: frames a second, constant.
        frame_count: how many frames there are at that rate.
        start_s: seconds from the beginning of the file at which the first one is shown.
        sound: ffmpeg's name of the sound's codec; "" if it is silent.
        notes: what is wrong with it and does not prevent its use, in sentences.
    """

    path: Path
    height: int
    width: int
    fps: Fraction
    frame_count: int
    start_s: Fraction = Fraction(0)
    sound: str = ""
    notes: tuple[str, ...] = ()
    _decode: Callable[[Size], Iterator[Pixels]] = field(
        default=lambda _: iter(()), repr=False, compare=False
    )

    @property
    def length_s(self) -> Fraction:
        """How many seconds its frames last."""
        return self.frame_count / self.fps

    def frames(self, size: Size | None = None) -> Generator[Pixels]:
        """Decode it again, one frame at a time.

        Args:
            size: height and width at which frames are wanted; their own by default.

        Yields:
            `frame_count` frames, uint8 RGB `(height, width, 3)`.

        Raises:
            FilmError: it cannot be read any more, or has become shorter.
            PictureError: a picture of it cannot be read any more.
        """
        decoded = self._decode(size or (self.height, self.width))
        for _ in range(self.frame_count):
            frame = next(decoded, None)
            if frame is None:
                raise FilmError(f"'{self.path}' has become shorter since it was looked at")
            yield frame


@dataclass(frozen=True)
class Part:
    """The part of a clip that is wanted, and how.

    Attributes:
        fps: frames a second; None for the clip's own.
        start_s: seconds from its beginning; None for its first frame.
        end_s: seconds from its beginning; None for its end.
    """

    fps: Fraction | None = None
    start_s: Fraction | None = None
    end_s: Fraction | None = None

    def most(self, fps: Fraction) -> int | None:
        """The most frames that it has at a rate."""
        if self.end_s is None:
            return None
        return max(1, _nearest((self.end_s - (self.start_s or 0)) * fps))


ALL = Part()

Tell = Callable[[int, int], None]
"""Takes how many frames were read, and of how many."""


def is_clip(path: Path) -> bool:
    """Whether a file is a video or an animated picture, by its content; a folder may be either.

    Raises:
        PictureError: it is not there, or is a picture that cannot be opened.
    """
    return not path.is_dir() and (not may_be_picture(path) or is_animation(path))


def open_clip(path: Path, part: Part = ALL, tell: Tell = lambda *_: None) -> Clip:
    """Look at a clip, and decode what is wanted of it once, to its end.

    Args:
        path: a video, an animated GIF, WebP, AVIF or PNG, or a folder of numbered pictures.
        part: what is wanted of it.
        tell: takes how far a video was decoded, if its file says how long it is.

    Raises:
        FilmError: it is no clip, has no frames, or ends before the part that is wanted.
        PictureError: there is no such file, or pictures of it cannot be read.
    """
    if part.end_s is not None and part.end_s <= (part.start_s or 0):
        raise FilmError(
            Setting("to", f"{float(part.end_s):g}"), " is not after ",
            Setting("from", f"{float(part.start_s or 0):g}"), "; name a later one",
        )  # fmt: skip
    if path.is_dir():
        clip = _open_folder(path, part)
    elif is_animation(path):
        clip = _open_animation(path, part)
    elif may_be_picture(path):
        raise FilmError(f"'{path}' is a picture that does not move, no clip; name a clip")
    else:
        clip = _open_video(path, part, tell)
    if clip.frame_count:
        return clip
    if part.start_s:
        raise FilmError(
            f"'{path}' has no frame after ", Setting("from", f"{float(part.start_s):g}"),
            "; name an earlier moment",
        )  # fmt: skip
    raise FilmError(
        f"not one frame of '{path}' is left at {float(clip.fps):.5g} a second; name a higher ",
        Setting("fps"),
    )


def told_length(path: Path) -> Fraction | None:
    """How many seconds a video says it lasts; None for other clips, and for one that does not say.

    Raises:
        FilmError: it is no clip, or has no frames.
        PictureError: there is no such file.
    """
    return video.look(path).length_s if not path.is_dir() and not may_be_picture(path) else None


def open_for_film(
    path: Path, part: Part, film: Path, is_heard: bool = True, tell: Tell = lambda *_: None
) -> Clip:
    """Look at a clip at a rate that a film of it can keep; its notes tell what that leaves out.

    Args:
        path: the clip; see `open_clip`.
        part: what is wanted of it.
        film: file of the film.
        is_heard: whether its sound is wanted.
        tell: takes how far it was decoded; see `open_clip`.
    """
    form, clip = format_of(film), open_clip(path, part, tell)
    kept, notes = form.nearest_fps(clip.fps), list(clip.notes)
    if kept != clip.fps:
        notes.append(
            f"{film.suffix} cannot keep {float(clip.fps):.5g} frames a second evenly; the film has"
            f" {float(kept):.5g}"
        )
        clip = open_clip(path, replace(part, fps=kept), tell)
    if clip.sound and not form.sound and is_heard:
        what = film.suffix or "a folder of pictures"
        notes.append(f"{what} has no sound; that of '{path}' is left out")
    return replace(clip, notes=tuple(notes))


def _open_video(path: Path, part: Part, tell: Tell) -> Clip:
    film = video.look(path)
    fps, notes = (part.fps, list[str]()) if part.fps else _rate_of(film)
    cut = video.Cut(fps, part.start_s, part.most(fps))
    told = film.length_s and _nearest((film.length_s - (part.start_s or 0)) * fps)
    most = min(told, cut.most or told) if told else 0

    def counted(frames: int) -> None:
        if frames < most:
            tell(frames, most)

    frame_count, others, fault = video.count(film, cut, counted)
    if others:
        notes.append(
            f"{others} frames of '{path}' are of another size than the first and are fitted into it"
        )
    if fault:
        length = float(frame_count / fps)
        notes.append(f"'{path}' is damaged ({fault}); {length:.4g} s of it could be read")
    return Clip(
        path,
        film.height,
        film.width,
        fps,
        frame_count,
        film.begins_s if part.start_s is None else part.start_s,
        film.sound,
        tuple(notes),
        partial(_decode_video, film, cut),
    )


def _rate_of(film: video.Video) -> tuple[Fraction, list[str]]:
    """A video's own rate, and a note for the user if it cannot be kept."""
    average = read_fps(film.average) if film.average else None
    rate = film.rate or average
    if rate is None:
        return _UNTOLD, [f"'{film.path}' does not say its frame rate; {_UNTOLD} is taken"]
    if average and rate > _UNEVEN * average:
        rate = average
    if rate > FASTEST:
        note = f"'{film.path}' has {float(rate):g} frames a second; {FASTEST} of them are taken"
        return Fraction(FASTEST), [note]
    return read_fps(str(float(rate))) if rate.denominator > 1001 else rate, []


def _decode_video(film: video.Video, cut: video.Cut, size: Size) -> Iterator[Pixels]:
    shape = (*size, 4 if film.has_alpha else 3)
    for data in video.frames(film, cut, size):
        frame = np.frombuffer(data, np.uint8).reshape(shape)
        yield _on_white(frame) if film.has_alpha else frame


def _on_white(frame: Pixels) -> Pixels:
    picture = Image.fromarray(frame)
    return np.asarray(lay_on_white(picture.convert("RGB"), picture.getchannel("A")))


def _open_animation(path: Path, part: Part) -> Clip:
    frames, lengths, notes = read_animation(path), list[Fraction](), list[str]()
    first, length = next(frames)
    lengths.append(length)
    try:
        lengths += (each for _, each in frames)
    except PictureError as error:
        notes.append(f"{error}; {len(lengths)} frames of it could be read")
    fps = part.fps or _rate_for(lengths)
    return Clip(
        path,
        first.height,
        first.width,
        fps,
        sum(1 for _ in _held(zip(lengths, lengths, strict=True), fps, part)),
        part.start_s or Fraction(0),
        notes=tuple(notes),
        _decode=partial(_decode_animation, path, len(lengths), fps, part),
    )


def _rate_for(lengths: Sequence[Fraction]) -> Fraction:
    """The rate at which all frames of these lengths, in seconds, last a whole number of frames.

    Where it would be too fast, as for lengths that were rounded, it is what they have on average.
    """
    least = Fraction(
        math.gcd(*(length.numerator for length in lengths)),
        math.lcm(*(length.denominator for length in lengths)),
    )
    if 1 / least <= _SMOOTHEST:
        return 1 / least
    average = (len(lengths) / sum(lengths, Fraction(0))).limit_denominator(1001)
    usual = Fraction(round(average))
    close = usual if usual and abs(average - usual) < usual / 50 else average
    return min(close, Fraction(FASTEST))


def _decode_animation(
    path: Path, count: int, fps: Fraction, part: Part, size: Size
) -> Iterator[Pixels]:
    frames = zip(range(count), read_animation(path), strict=False)
    shown = ((picture, length) for _, (picture, length) in frames)
    return _sized(_held(shown, fps, part), size, path)


def _open_folder(folder: Path, part: Part) -> Clip:
    fps, notes = part.fps or _UNTOLD, list[str]()
    if part.fps is None:
        notes.append(f"pictures have no frame rate; {_UNTOLD} of '{folder}' are shown a second")
    files, sizes = list[Path](), list[Size]()
    for file, found in in_order(_looked_at, _numbered(folder)):
        if isinstance(found, PictureError):
            notes.append(f"passed over: {found}")
        else:
            files.append(file)
            sizes.append(found)
    if not files:
        raise FilmError(f"not one picture in '{folder}' can be read; name another folder")
    if others := len(sizes) - Counter(sizes)[sizes[0]]:
        notes.append(
            f"{others} pictures in '{folder}' are of another size than '{files[0].name}' and are"
            " fitted into it"
        )
    height, width = sizes[0]
    lengths = [1 / fps] * len(files)
    count = sum(1 for _ in _held(zip(files, lengths, strict=True), fps, part))
    start = part.start_s or Fraction(0)
    decode = partial(_decode_folder, files, sizes[0], fps, part)
    return Clip(folder, height, width, fps, count, start, notes=tuple(notes), _decode=decode)


def _numbered(folder: Path) -> list[Path]:
    """The pictures of a folder, in the order of the numbers in their names.

    Raises:
        FilmError: there are none, or the folder cannot be listed.
    """
    try:
        files = [path for path in folder.iterdir() if path.name[:1] != "." and path.is_file()]
    except OSError as error:
        raise FilmError(
            f"cannot list '{folder}' ({error.strerror}); check its permissions"
        ) from error
    pictures = [path for path in files if may_be_picture(path)]
    if not pictures:
        raise FilmError(f"there is no picture in '{folder}'; name a folder of numbered pictures")
    return sorted(pictures, key=_in_numbers)


def _in_numbers(path: Path) -> list[tuple[int, str]]:
    """A key by which "9.png" comes before "10.png"."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return [(int(part), part) if part[0] in "0123456789" else (-1, part) for part in parts]


def _looked_at(file: Path) -> tuple[Path, Size | PictureError]:
    """A picture's height and width, or why it cannot be decoded."""
    try:
        picture = read_picture(file)
    except PictureError as error:
        return file, error
    return file, (picture.height, picture.width)


def _decode_folder(
    files: Sequence[Path], own: Size, fps: Fraction, part: Part, size: Size
) -> Iterator[Pixels]:
    named = _held(((file, 1 / fps) for file in files), fps, part)
    return _sized(in_order(partial(_fitted, own), named), size, files[0].parent)


def _fitted(own: Size, file: Path) -> Image.Image:
    """A picture at the size of the first; one of another shape stands on black."""
    picture, (height, width) = read_picture(file), own
    if (picture.height, picture.width) == own:
        return picture
    ground, inner = Image.new("RGB", (width, height)), contain(picture, height, width)
    ground.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return ground


def _held(shown: Iterable[tuple[Shown, Fraction]], fps: Fraction, part: Part) -> Iterator[Shown]:
    """Show each of some for its seconds: as often as frames of a constant rate begin meanwhile."""
    time_s, frame, most = -(part.start_s or Fraction(0)), 0, part.most(fps)
    for each, length_s in shown:
        time_s += length_s
        ends = _nearest(time_s * fps)
        for _ in range(frame, ends if most is None else min(ends, most)):
            yield each
        frame = max(frame, ends)
        if most is not None and frame >= most:
            return


def _nearest(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def _sized(pictures: Iterable[Image.Image], size: Size, name: Path) -> Iterator[Pixels]:
    """Pictures as pixels of a height and width."""
    height, width = size
    for picture in pictures:
        if (picture.height, picture.width) != size:
            picture = resize(picture, height, width, name, shortest=1)
        yield np.asarray(picture)
