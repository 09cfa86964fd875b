"""Settings that turn finished shots into a film: format, frames, pace and overlays."""

import re
from dataclasses import dataclass, field
from fractions import Fraction
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from medley.errors import Setting, SettingsError, listed
from medley.settings.base import LONGEST_SIDE, SHORTEST_SIDE, Settings, Text

Codec = Literal["auto", "h264", "h265", "av1", "vp9"]
EncoderName = Literal["auto", "x264", "x265", "svt-av1", "aom", "vpx", "nvenc"]
Kind = Literal["video", "gif", "webp", "sequence", "sheet"]

USUAL_SUFFIX = ".mp4"
"""Suffix of a film whose name was not given."""


@dataclass(frozen=True)
class Format:
    """A file format of films.

    Attributes:
        kind: name of the part of `film` that writes the format.
        codecs: codecs that it can have, the default first; empty if there is no choice.
        sound: ffmpeg's codec for its sound; "" if it has no sound.
        copied: codecs of a clip's sound that go into it as they are, in ffmpeg's words.
        ticks: units of time in a second, of which a frame lasts a whole number; None for any time.
        shortest: fewest ticks of a frame; players slow down shorter ones.
        longest_side: most pixels of a side that the format has room for; None if its encoders say.
    """

    kind: Kind
    codecs: tuple[Codec, ...] = ()
    sound: str = ""
    copied: tuple[str, ...] = ()
    ticks: int | None = None
    shortest: int = 1
    longest_side: int | None = None

    def nearest_fps(self, fps: Fraction) -> Fraction:
        """The frame rate nearest to `fps` at which all frames last equally long in this format."""
        if self.ticks is None:
            return fps
        return Fraction(self.ticks, max(self.shortest, round(self.ticks / fps)))


_COPIED = ("aac", "mp3", "ac3", "eac3", "alac")

FORMATS = {
    ".mp4": Format("video", ("h264", "h265", "av1"), sound="aac", copied=_COPIED),
    ".mov": Format("video", ("h264", "h265"), sound="aac", copied=_COPIED),
    ".mkv": Format(
        "video",
        ("h264", "h265", "av1", "vp9"),
        sound="aac",
        copied=(*_COPIED, "opus", "vorbis", "flac", "dts"),
    ),
    ".webm": Format("video", ("vp9", "av1"), sound="libopus", copied=("opus", "vorbis")),
    # Browsers show frames of 1/100 s for 1/10 s.
    ".gif": Format("gif", ticks=100, shortest=2, longest_side=65_535),
    ".webp": Format("webp", ticks=1000, shortest=11, longest_side=16_383),
    "": Format("sequence"),
    ".png": Format("sheet"),
    ".jpg": Format("sheet"),
    ".jpeg": Format("sheet"),
}
"""Formats by suffix; a film without a suffix is a folder of numbered pictures."""

ENCODERS: dict[EncoderName, tuple[Codec, ...]] = {
    "x264": ("h264",),
    "x265": ("h265",),
    "svt-av1": ("av1",),
    "aom": ("av1",),
    "vpx": ("vp9",),
    "nvenc": ("h264", "h265", "av1"),
}
"""Codecs of each encoder; the first encoder of several for one codec is taken."""

ENDINGS = (
    ", ".join(suffix for suffix in FORMATS if suffix) + ", or in nothing for a folder of pictures"
)


SILENT: Literal["silent"] = "silent"
"""What stands for no sound, not even a clip's own."""

Sound = Literal["silent"] | Path


class FormatSettings(Settings):
    """Compression and sound of a film."""

    heading = "Compression and sound"

    codec: Codec = Field(
        "auto", description="How frames are compressed; auto is h264 in .mp4 and vp9 in .webm."
    )
    encoder: EncoderName = Field(
        "auto",
        description="Who compresses them; auto is the codec's best in software, nvenc is NVIDIA's"
        " hardware: faster, and larger for the same quality.",
    )
    crf: int = Field(
        16,
        ge=1,
        le=51,
        description="Quality, from 1, the best, to 51: as H.264 counts it; other codecs and WebP"
        " take what looks the same.",
    )
    audio: Sound | None = Field(
        None, description="Music to lay under the film, cut to its length; silent if it is shorter."
    )
    audio_fade: float = Field(1.5, ge=0, le=60, description="Seconds in which it fades in and out.")

    @property
    def music(self) -> Path | None:
        """The file of the film's sound, if there is one."""
        return self.audio if isinstance(self.audio, Path) else None

    def codec_in(self, path: Path) -> Codec:
        """The codec of a film of a name that `check_format` has accepted."""
        known = format_of(path).codecs
        own = ENCODERS.get(self.encoder, known)
        return self.codec if self.codec != "auto" else next(one for one in known if one in own)


def format_of(path: Path) -> Format:
    """The format of a film of that name.

    Raises:
        ValueError: there is no format of that suffix.
    """
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise ValueError(f"'{path}' must end in {ENDINGS}") from None


def check_format(path: Path, settings: FormatSettings) -> None:
    """Check that the format of a film's name has the codec, encoder and sound of the settings.

    Raises:
        ValueError: there is no name; or the format is unknown or has no such codec, encoder or
            sound.
    """
    if path.name in ("", "..") or path.name.lower() in FORMATS:
        raise SettingsError(
            Setting("output", f"'{path}'"),
            f" has no name; name a film, such as film{USUAL_SUFFIX}",
        )
    form = format_of(path)
    suffix = path.suffix.lower() or "a folder of pictures"
    if settings.codec != "auto" and settings.codec not in form.codecs:
        has = f"has {listed(form.codecs, 'and')}" if form.codecs else "has no choice of codecs"
        raise SettingsError(
            Setting("codec", settings.codec), f" does not go into {suffix}, which {has}"
        )
    written = ENCODERS.get(settings.encoder, get_args(Codec))
    wanted = form.codecs if settings.codec == "auto" else (settings.codec,)
    if settings.encoder != "auto" and not set(written) & set(wanted):
        able = [name for name, codecs in ENCODERS.items() if set(codecs) & set(wanted)]
        way = f"has {listed(able, 'and')}" if able else "needs none"
        what = listed(wanted) if wanted else suffix
        raise SettingsError(
            Setting("encoder", settings.encoder), f" does not write {what}, which {way}"
        )
    if settings.music and not form.sound:
        audible = listed(name for name, one in FORMATS.items() if one.sound)
        raise SettingsError(
            Setting("audio"), f": {suffix} has no sound; name a film ending in {audible}"
        )


Fit = Literal["pad", "crop"]

RESOLUTIONS = {"4k": (2160, 3840), "square": (1080, 1080), "vertical": (1920, 1080)}
"""Names of frame sizes, with height and width in pixels."""


@dataclass(frozen=True)
class FrameSize:
    """A film's size: a frame of that height and width, or a picture's own shape of a long side.

    Attributes:
        height, width: height and width of the frame in pixels, if there is one.
        long_side: longer side of the picture in pixels, if there is no frame.
        text: text that was parsed, which sidecars have.
    """

    height: int | None = None
    width: int | None = None
    long_side: int | None = None
    text: str = field(default="", compare=False)


def parse_resolution(text: str) -> FrameSize:
    """Read a film's size: 1080p and the like are 16:9, 1600px is a long side.

    Raises:
        ValueError: the text is no size, or has a side that is odd, too short or too long.
    """
    name = text.strip().lower()
    if name in RESOLUTIONS:
        return FrameSize(*RESOLUTIONS[name], text=text)
    if found := re.fullmatch(r"(\d{1,6})(p|px)", name):
        side = int(found[1])
        if found[2] == "px":
            _check_sides(text, side)
            return FrameSize(long_side=side, text=text)
        # 16:9 with the nearest even width: 480p is 854x480.
        size = side, 2 * round(side * 8 / 9)
    elif found := re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", name):
        size = int(found[2]), int(found[1])
    else:
        known = ", ".join(RESOLUTIONS)
        raise ValueError(f"{text!r} is not a size such as 1080p, {known}, 1280x720 or 1600px")
    _check_sides(text, *size)
    return FrameSize(*size, text=text)


def _check_sides(text: str, *sides: int) -> None:
    if any(not SHORTEST_SIDE <= side <= LONGEST_SIDE for side in sides):
        raise ValueError(f"{text!r} has a side beyond {SHORTEST_SIDE} to {LONGEST_SIDE} pixels")
    if any(side % 2 for side in sides):
        raise ValueError(f"{text!r} has an odd side, and films need even ones; make it even")


class Focus(NamedTuple):
    """A point of a picture, from its upper left corner: shares of its width and height."""

    x: Annotated[float, Field(ge=0, le=1)]
    y: Annotated[float, Field(ge=0, le=1)]

    def __str__(self) -> str:
        """Write the point in the form that `parse_focus` reads."""
        return f"{self.x:g},{self.y:g}"


def parse_focus(text: str) -> Focus:
    """Read a point such as "0.3,0.6".

    Raises:
        ValueError: the text is not two numbers from 0 to 1.
    """
    try:
        # Rounded to the digits that it is written with, so that text and value mean the same.
        x, y = (float(f"{float(part):g}") for part in text.split(","))
    except ValueError:
        raise ValueError(f"'{text}' is not two numbers such as 0.3,0.6") from None
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ValueError(f"'{text}' has a number that is not from 0 to 1")
    return Focus(x, y)


MIDDLE = Focus(0.5, 0.5)


class FrameSettings(Settings):
    """Size of a film's frames, and how pictures of another shape are fitted into them."""

    heading = "Film"

    resolution: Annotated[FrameSize, Text(parse_resolution, attrgetter("text"))] | None = Field(
        None,
        description="Size of the film: 720p, 1080p, 4k, square (1080x1080), vertical (1080x1920),"
        " WIDTHxHEIGHT, or a long side such as 1600px; by default the pictures' own.",
    )
    fit: Fit = Field(
        "pad",
        description="Where the shapes differ: pad, with the picture itself blurred, or crop it.",
    )
    focus: Annotated[Focus, Text(parse_focus)] = Field(
        MIDDLE,
        description="The point that a crop keeps, in its middle where it can: shares of width and"
        " height, such as 0.3,0.6.",
    )

    @model_validator(mode="after")
    def _focus_has_a_crop(self) -> Self:
        if self.focus != MIDDLE and self.fit != "crop":
            raise SettingsError(
                Setting("focus"), " says where a crop is; pass ", Setting("fit", "crop"),
                " with it",
            )  # fmt: skip
        return self


Corner = Literal["none", "top-left", "top-right", "bottom-left", "bottom-right"]


def _break_lines(text: str) -> str:
    r"""Take a typed \n for the line end that it means, which few shells let anybody type.

    A title of blanks is none: nothing would be seen of it but the dimmed photo.
    """
    broken = text.replace("\\n", "\n")
    return broken if broken.strip() else ""


class OverlaySettings(Settings):
    """Words and pictures on a film's frames, and what stands beside its pictures."""

    heading = "On the frames"

    captions: Literal["auto", "none", "number", "title", "full"] = Field(
        "auto",
        description="Words on the film: full adds artist and year; auto: titles if they are known.",
    )
    title: Annotated[str, AfterValidator(_break_lines)] | None = Field(
        None,
        description="A title over the photo before the film; a second line, after \\n, is smaller.",
    )
    title_seconds: float = Field(
        3.0, ge=0.5, le=60, description="Film time of the title, added to it."
    )
    inset: Corner = Field("none", description="The painting, small, in a corner of its results.")
    beside: Literal["none", "content", "split"] = Field(
        "none",
        description="What the picture is seen against: content stands beside it, or above it where"
        " that is larger; split has it left of a border that swings through the picture.",
    )


class ComposeSettings(OverlaySettings):
    """Overlays and other additions to the pictures on a film's frames."""

    heading = "On the frames"

    sparkline: Corner = Field(
        "none", description="The falling loss, as a small curve in a corner, up to the step shown."
    )

    @model_validator(mode="after")
    def _corners_are_free(self) -> Self:
        if self.inset == self.sparkline != "none":
            raise SettingsError(
                Setting("inset"), " and ", Setting("sparkline"),
                f" are both {self.inset}; put one of them elsewhere",
            )  # fmt: skip
        return self


Pace = Literal["visual", "ease", "even"]
Transition = Literal["rewind", "dissolve", "wipe", "chain", "cut"]
UNCHAINED = tuple(name for name in get_args(Transition) if name != "chain")
"""Transitions for shots that do not go on from one another."""


_BROADCAST = tuple(Fraction(whole * 1000, 1001) for whole in (24, 30, 48, 60, 96, 120, 240))
"""Rates that everybody rounds: 29.97 frames a second are 30000/1001."""


def read_fps(value: Any) -> Any:
    """Read a frame rate as an exact fraction; what is none is given back for others to refuse.

    Raises:
        ValueError: a text is no rate.
    """
    try:
        rate = Fraction(str(value)) if isinstance(value, str | int | float) else value
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a rate such as 24, 29.97 or 30000/1001") from None
    if not isinstance(rate, Fraction):
        return rate
    digits = len(str(value).partition(".")[2])
    meant = (one for one in _BROADCAST if digits > 1 and round(one, digits) == rate)
    return next(meant, rate.limit_denominator(1001))


FASTEST = 240  # frames a second


def _check_fps(fps: Fraction) -> Fraction:
    if not 1 <= fps <= FASTEST:
        raise ValueError(f"{fps} is not between 1 and {FASTEST} frames a second")
    return fps


Fps = Annotated[
    Fraction,
    BeforeValidator(read_fps),
    AfterValidator(_check_fps),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
]


class PaceSettings(Settings):
    """Pace of a film, and the transitions between its paintings."""

    heading = "Film"

    seconds_per_painting: float = Field(
        6.0, gt=0, le=3600, description="Film time of each painting, holds included."
    )
    hold: float = Field(1.2, ge=0, le=600, description="Seconds for which a result stands.")
    pace: Pace = Field(
        "visual",
        description="Spread frames by what the eye sees change, at a constant rate (visual) or one"
        " that swells and sinks (ease), or evenly over steps (even).",
    )
    transition: Transition = Field(
        "rewind",
        description="From a result to the next painting: run the steps backward to the photo, fade"
        " to it, let it move in, start the next shot from the result (chain: other shots, taken one"
        " after another), or cut.",
    )
    loop: bool = Field(
        True, description="End as the film begins, or hold the last result for as much longer."
    )


class EncodeSettings(FrameSettings, FormatSettings):
    """Encoding of frames into a film, whatever they show."""

    heading = "Film"

    fps: Fps = Field(
        Fraction(30), description="Frames a second, also as 30000/1001; 29.97 is that."
    )
    strength: float = Field(
        1.0, ge=0, le=1, description="How much of the result is shown; the rest is the photo."
    )

    def fitted(self, path: Path) -> Self:
        """Copy the settings with the nearest frame rate that the film's format can keep.

        Raises:
            ValueError: the format does not have the codec, encoder or sound; see `check_format`.
        """
        check_format(path, self)
        return self.model_copy(update={"fps": format_of(path).nearest_fps(self.fps)})


class CutSettings(PaceSettings, EncodeSettings):
    """Cutting of finished shots into a film, one painting after another."""

    heading = "Film"


class FilmSettings(CutSettings, ComposeSettings):
    """Cutting of finished shots into a medley, with overlays."""

    heading = "Film"


class WalkOverlays(OverlaySettings):
    """Words and pictures on a walk's frames: none unless they are asked for."""

    heading = "On the frames"

    captions: Literal["auto", "none", "number", "title", "full"] = Field(
        "none",
        description="Words on the film, of the painting that is nearest: full adds artist and year;"
        " auto: titles if they are known.",
    )
    title: Annotated[str, AfterValidator(_break_lines)] | None = Field(
        None,
        description="A title over the film's beginning; a second line, after \\n, is smaller.",
    )
    title_seconds: float = Field(
        3.0, ge=0.5, le=60, description="Seconds for which the title stands."
    )


class WalkFilmSettings(EncodeSettings, WalkOverlays):
    """Cutting of a style walk into a film, with overlays."""

    heading = "Film"


class WalkSettings(Settings):
    """Speed and strength of a style walk through its paintings."""

    heading = "Film"

    seconds_per_painting: float = Field(
        4.0, gt=0, le=3600, description="Film time from one painting to the next."
    )
    steps_per_frame: int = Field(
        2, ge=1, le=100, description="Optimizer steps by which the picture follows in each frame."
    )
    walk_rate: float = Field(
        0.01,
        gt=0,
        le=1,
        description="Adam's step while it follows, of the way from black to white: larger ones"
        " follow more closely, smaller ones more calmly.",
    )
    photo_pull: float = Field(
        10.0,
        ge=0,
        le=10**6,
        description="How many times as strongly as by {content_weight} the photo is held on to:"
        " a picture that never starts over would lose it.",
    )
    linger: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="How much slower the walk passes a painting than it goes on average.",
    )
