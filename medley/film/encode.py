"""Frames to a film of any format, streamed, and read back before it gets its name."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from medley.errors import FilmError, Setting
from medley.files import cannot_write, part_file, scratch_folder
from medley.film import webp
from medley.film.codecs import check_encoder, check_size, choose_encoder
from medley.film.facts import read_facts
from medley.film.gif import write_gif
from medley.film.pictures import picked, write_sequence, write_sheet
from medley.images import Pixels
from medley.media.ffmpeg import feed, raw_input, url
from medley.media.film_file import UNTAGGED, FilmFacts, Tags
from medley.media.sound import (
    ClipSound,
    check_sound,
    normalize_sound,
    normalized_input,
    sound_options,
)
from medley.settings.film import FormatSettings, check_format, format_of

# ffmpeg rounds a rate whose terms are larger, silently: av_parse_video_rate's own limit.
_LARGEST_TERM = 1_001_000

# Without the first two, swscale would convert by BT.601 whatever the tags say. The encoder takes
# its tags from the frames, whatever the options say, so that they are set on both.
_TO_BT709 = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,"
    "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
)
_TAGS = [
    "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
    "-color_range", "tv",
]  # fmt: skip


_LONGEST_COMMENT = 65_535  # bytes, in .mov: its length has 16 bits there


@dataclass(frozen=True)
class _Film:
    """What is to be written, wherever it is written to."""

    fps: Fraction
    width: int
    height: int
    frame_count: int
    settings: FormatSettings
    loops: bool
    tags: Tags
    sound: ClipSound | None = None

    def copies(self, path: Path) -> bool:
        """Whether a clip's sound goes into a film of that name as it is."""
        sound = self.sound
        return bool(sound and not sound.start_s and sound.codec in format_of(path).copied)


def check_encoding(path: Path, settings: FormatSettings) -> None:
    """Find out before any frame is made whether a film of that name can be encoded here.

    Raises:
        FilmError: ffmpeg lacks the encoder, or cannot read the sound.
        ValueError: `check_format` refuses the settings.
    """
    check_format(path, settings)
    if format_of(path).kind == "video":
        check_encoder(path, settings)
    if settings.music:
        check_sound(settings.music, format_of(path).sound)


def check_frame(path: Path, settings: FormatSettings, height: int, width: int) -> None:
    """Find out before any frame is made whether a film of that name can have frames of that size.

    Raises:
        FilmError: its format has no room for them, or its encoder refuses them.
    """
    form = format_of(path)
    if form.longest_side and max(height, width) > form.longest_side:
        raise FilmError(
            f"'{path}' would be {width}x{height}, but {path.suffix} has {form.longest_side:,}"
            " pixels a side at most; choose another format, or another ",
            Setting("resolution"),
        )
    if form.kind == "video":
        check_size(path, settings, height + height % 2, width + width % 2)


def encode_film(
    frames: Iterable[Pixels],
    path: Path,
    *,
    fps: Fraction,
    width: int,
    height: int,
    frame_count: int,
    settings: FormatSettings | None = None,
    progress: Callable[[int], None] | None = None,
    part: Path | None = None,
    loops: bool = False,
    tags: Tags = UNTAGGED,
    sound: ClipSound | None = None,
) -> FilmFacts:
    """Encode frames in the format that the film's name ends in, and check what came of it.

    The pixels are taken for sRGB; a video's are converted to limited-range BT.709 and tagged so.
    The film appears under its name only when it is whole and has been read back.

    Args:
        frames: uint8 RGB `(height, width, 3)`, taken one at a time.
        path: the film's file; a folder where it has no suffix.
        fps: frames a second, exact; neither of its terms above 1,001,000, and one that the format
            can keep (`Format.nearest_fps`).
        width: every frame's width, in pixels; even for a video.
        height: every frame's height, in pixels; even for a video.
        frame_count: how many frames there will be.
        settings: codec, quality and sound.
        progress: called with the number of frames written, after each.
        part: one of the caller's `part_files` to write to; the caller publishes it as `path`.
        loops: whether the first frame follows the last, so that no seam should be seen there.
        tags: chapters and comment, which a video carries.
        sound: a clip's sound, which a video carries where the settings name none: as it is where
            its format can and it begins with the film, else encoded.

    Returns:
        What was read back.

    Raises:
        ValueError: an odd size, a rate that ffmpeg or the format cannot keep exactly, a frame that
            is not uint8 of that size, or settings that `check_format` refuses.
        FilmError: a frame's picture cannot be read; ffmpeg cannot be started, or failed, in
            its own words; or the film does not read back as written.
        OutputError: `path` cannot be written to.
    """
    settings = settings or FormatSettings()
    check_format(path, settings)
    form = format_of(path)
    film = _Film(fps, width, height, frame_count, settings, loops, tags, sound)
    _check(film, path)
    checked = _checked(frames, (height, width, 3), progress)
    with contextlib.nullcontext(part) if part else part_file(path) as part:
        try:
            wanted = _write(checked, part, film, path)
            facts = read_facts(part, form)
        except OSError as error:
            raise cannot_write(path, error) from error
        if not _agree(facts, wanted, film.copies(path)):
            raise FilmError(f"'{path}' reads back as {facts.words}, not as {wanted.words}")
    return replace(facts, path=path)


def _check(film: _Film, path: Path) -> None:
    form = format_of(path)
    size = f"{film.width}x{film.height}"
    if form.kind == "video" and (film.width % 2 or film.height % 2):
        raise ValueError(f"yuv420p needs even sides, not {size}; pad the frames")
    if film.fps <= 0 or max(film.fps.numerator, film.fps.denominator) > _LARGEST_TERM:
        raise ValueError(
            f"fps must be above 0, its terms at most {_LARGEST_TERM:,}, got {film.fps}"
        )
    if form.nearest_fps(film.fps) != film.fps:
        raise ValueError(f"{path.suffix} cannot keep {film.fps} frames a second; ask nearest_fps")
    if form.kind != "video":  # whose encoder says it as soon as it has a frame
        check_frame(path, film.settings, film.height, film.width)


def _agree(facts: FilmFacts, wanted: FilmFacts, is_copied: bool) -> bool:
    """Whether all is as it should be, and the sound as long as the film but for a frame.

    Sound that is copied is as long as it was.
    """
    heard, expected = facts.audio_s, wanted.audio_s
    if is_copied:
        return replace(facts, audio_s=expected) == wanted
    if heard is None or expected is None or not wanted.fps:
        return facts == wanted
    return replace(facts, audio_s=expected) == wanted and abs(heard - expected) <= 1 / wanted.fps


def _webp_quality(crf: int) -> int:
    """libwebp's quality that looks like H.264's at this rate factor."""
    return min(max(round(174 - 5.5 * crf), 0), 100)


def _checked(
    frames: Iterable[Pixels],
    shape: tuple[int, int, int],
    progress: Callable[[int], None] | None,
) -> Iterator[Pixels]:
    """Refuse frames that do not fit, and keep unreadable pictures apart from an unwritable film."""
    rest = iter(frames)
    number = 0
    while True:
        try:
            frame = next(rest, None)
        except OSError as error:
            raise FilmError(
                f"a frame's picture cannot be read ({error}); render its shot again"
            ) from error
        if frame is None:
            return
        if frame.shape != shape or frame.dtype != np.uint8:
            found = f"{frame.dtype} {frame.shape}"
            raise ValueError(f"frame {number} is {found}, but the film is uint8 {shape}")
        yield frame
        number += 1
        if progress is not None:
            progress(number)


def _write(frames: Iterable[Pixels], part: Path, film: _Film, path: Path) -> FilmFacts:
    """Write a film in the format of `path`; give what should be read back."""
    kind, width, height, fps = format_of(path).kind, film.width, film.height, film.fps
    wanted = FilmFacts(part, film.frame_count, fps, height, width)
    if kind == "video":
        return _write_video(frames, part, film, path)
    if kind == "sequence":
        write_sequence(frames, part)
        return replace(wanted, fps=None)
    if kind == "sheet":
        shown = picked(frames, film.frame_count)
        size = write_sheet(shown, part, width=width, height=height, fps=fps)
        return replace(wanted, frame_count=1, fps=None, height=size[0], width=size[1])
    if kind == "gif":
        with scratch_folder(path) as folder:
            write_gif(frames, part, folder, width=width, height=height, fps=fps)
    else:
        webp.write_film(
            frames, part, width=width, height=height,
            milliseconds=int(1000 / fps), quality=_webp_quality(film.settings.crf),
        )  # fmt: skip
    return wanted


def _write_video(frames: Iterable[Pixels], part: Path, film: _Film, path: Path) -> FilmFacts:
    """Write a film by one of ffmpeg's encoders; give what should be read back."""
    wanted = FilmFacts(part, film.frame_count, film.fps, film.height, film.width)
    encoder = choose_encoder(path, film.settings, film.height, film.width)
    source, sound = raw_input(film.width, film.height, film.fps), list[str]()
    # The index goes first, so that a film plays before it is loaded.
    is_matroska = path.suffix.lower() in (".mkv", ".webm")
    index = ["-cues_to_front", "1"] if is_matroska else ["-movflags", "+faststart"]
    looped = film.frame_count if film.loops else 0
    video = ["-vf", _TO_BT709, *encoder.command(film.settings.crf, film.width, looped), *_TAGS]
    with scratch_folder(path) as folder:
        tags, raw = folder / "tags.txt", folder / "sound.raw"
        tags.write_bytes(_told(film, path).encode(errors="replace"))
        source += ["-f", "ffmetadata", "-i", url(tags)]
        streams = ["-map", "0:v", "-map_metadata", "1", "-map_chapters", "1"]
        if film.settings.music or film.sound:
            heard, sound = _sounding(film, path, raw)
            source += heard
            streams += ["-map", "2:a:0"]
            wanted = replace(wanted, audio_s=film.frame_count / film.fps)
        options = [*source, *streams, *video, *sound, *index, url(part)]
        feed(options, (frame.tobytes() for frame in frames))
    return wanted


def _sounding(film: _Film, path: Path, raw: Path) -> tuple[list[str], list[str]]:
    """ffmpeg's options of the sound that is put in, and of how it comes out.

    Args:
        film: the film, with the music of its settings or a clip's sound.
        path: its name.
        raw: file for samples.
    """
    length, own = film.frame_count / film.fps, film.sound
    music, fade, start = film.settings.music, film.settings.audio_fade, None
    if own and not music:
        if film.copies(path):
            return ["-t", f"{float(length):.6f}", "-i", url(own.path)], ["-c:a", "copy"]
        music, fade, start = own.path, 0.0, own.start_s
    sound_s = normalize_sound(music or path, raw, length, start)
    codec = format_of(path).sound
    return normalized_input(raw), sound_options(codec, length, sound_s, fade)


def _told(film: _Film, path: Path) -> str:
    """Write a film's tags for ffmpeg; a comment that is too long is left out."""
    tags, is_mov = film.tags, path.suffix.lower() == ".mov"
    if is_mov and len(tags.comment.encode(errors="replace")) > _LONGEST_COMMENT:
        tags = replace(tags, comment="")
    return tags.text(film.fps, film.frame_count)
