"""What a film's file is: the formats by suffix, and what may be chosen about each."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from medley.settings.fields import Settings

Codec = Literal["auto", "h264", "h265", "av1", "vp9"]
EncoderName = Literal["auto", "x264", "x265", "svt-av1", "aom", "vpx", "nvenc"]
Kind = Literal["video", "gif", "webp", "sequence", "sheet"]

USUAL_SUFFIX = ".mp4"
"""Of a film whose name was not given."""


@dataclass(frozen=True)
class Format:
    """A kind of file that a film can be.

    Attributes:
        kind: which part of `film` writes it.
        codecs: how its frames can be compressed, the usual one first; none where there is no
            choice.
        sound: how ffmpeg compresses its sound; "" where there can be none.
        ticks: into how many a second is divided, where a frame lasts a whole number of them.
        shortest: ticks that a frame lasts at least: players slow down what is shorter.
    """

    kind: Kind
    codecs: tuple[Codec, ...] = ()
    sound: str = ""
    ticks: int | None = None
    shortest: int = 1

    def nearest_fps(self, fps: Fraction) -> Fraction:
        """The rate next to `fps` at which every frame lasts equally long in this format."""
        if self.ticks is None:
            return fps
        return Fraction(self.ticks, max(self.shortest, round(self.ticks / fps)))


FORMATS = {
    ".mp4": Format("video", ("h264", "h265", "av1"), sound="aac"),
    ".mov": Format("video", ("h264", "h265"), sound="aac"),
    ".webm": Format("video", ("vp9", "av1"), sound="libopus"),
    # Browsers show frames of one hundredth for ten.
    ".gif": Format("gif", ticks=100, shortest=2),
    ".webp": Format("webp", ticks=1000, shortest=11),
    "": Format("sequence"),
    ".png": Format("sheet"),
    ".jpg": Format("sheet"),
    ".jpeg": Format("sheet"),
}
"""By suffix. A name without one is a folder of numbered pictures."""

ENCODERS: dict[EncoderName, tuple[Codec, ...]] = {
    "x264": ("h264",),
    "x265": ("h265",),
    "svt-av1": ("av1",),
    "aom": ("av1",),
    "vpx": ("vp9",),
    "nvenc": ("h264", "h265", "av1"),
}
"""Which codecs each encoder writes; of several for one codec the first is taken."""

SUFFIXES = ", ".join(suffix for suffix in FORMATS if suffix) + ", or none for a folder of pictures"


class FormatSettings(Settings):
    """How a film is compressed, and what is heard with it."""

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
    audio: Path | None = Field(
        None, description="Music to lay under the film, cut to its length; silent if it is shorter."
    )
    audio_fade: float = Field(
        1.5, ge=0, le=60, allow_inf_nan=False, description="Seconds in which it fades in and out."
    )

    def codec_in(self, path: Path) -> Codec:
        """The codec of a film of that name, which `check_format` has accepted."""
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
        raise ValueError(f"'{path}' must end in {SUFFIXES}") from None


def check_format(path: Path, settings: FormatSettings) -> None:
    """Find contradictions between a film's name and what is asked of its format.

    Raises:
        ValueError: there is no name; or the format is unknown or has no such codec, encoder or
            sound.
    """
    if path.name in ("", "..") or path.name.lower() in FORMATS:
        raise ValueError(f"--output '{path}' has no name; name a film, such as film{USUAL_SUFFIX}")
    form = format_of(path)
    suffix = path.suffix.lower() or "a folder of pictures"
    if settings.codec != "auto" and settings.codec not in form.codecs:
        has = f"has {' and '.join(form.codecs)}" if form.codecs else "has no choice of codecs"
        raise ValueError(f"--codec {settings.codec} does not go into {suffix}, which {has}")
    written = ENCODERS.get(settings.encoder, get_args(Codec))
    wanted = form.codecs if settings.codec == "auto" else (settings.codec,)
    if settings.encoder != "auto" and not set(written) & set(wanted):
        able = [name for name, codecs in ENCODERS.items() if set(codecs) & set(wanted)]
        way = f"has {', '.join(able)}" if able else "needs none"
        what = " or ".join(wanted) or suffix
        raise ValueError(f"--encoder {settings.encoder} does not write {what}, which {way}")
    if settings.audio and not form.sound:
        audible = " and ".join(name for name, one in FORMATS.items() if one.sound)
        raise ValueError(f"--audio: {suffix} has no sound; name a film ending in {audible}")
