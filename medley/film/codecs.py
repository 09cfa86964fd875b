"""Which encoder of ffmpeg's compresses a film, with which options, and whether it works here."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medley.errors import FilmError, Setting
from medley.media.ffmpeg import cause, run
from medley.settings.film import ENCODERS, Codec, EncoderName, FormatSettings, format_of

NARROW = 64  # pixels
_TRIED, _USUAL = 256, 4096  # pixels; every encoder takes sides between them
# Frames before a loop's seam that have a growing share of bytes, in how many steps, up to which.
_SEAM_FRAMES, _SEAM_STEPS, _SEAM_SHARE = 16, 8, 5.0
_FIRST_SHARE = 4.0  # of the first frame


@dataclass(frozen=True)
class Encoder:
    """How ffmpeg is asked to compress.

    Attributes:
        library: ffmpeg's name for it.
        pixels: the pixel format. Every decoder of AV1 and nearly every one of H.265 takes 10 bits a
            channel, whose gradients are smoother at no cost in size; for the others it is 8.
        quality: the option that takes the quality.
        slope: quality, for a `crf` on H.264's scale, is `slope * crf + offset`.
        offset: quality of crf 0, see `slope`; `scripts/bench_formats` measured both for crf 10 to
            28. NVENC has the software's, not measured ones.
        most: the largest number of its scale.
        options: further options for every film.
        own: the option that takes the library's own parameters.
        params: those for every film.
        narrow: further ones for films narrower than `NARROW`.
        has_zones: whether it has a parameter, x264's, for the quality of some frames.
    """

    library: str
    pixels: str
    quality: str
    slope: float
    offset: float
    most: int
    options: tuple[str, ...]
    own: str = ""
    params: tuple[str, ...] = ()
    narrow: tuple[str, ...] = ()
    has_zones: bool = False

    def command(self, crf: int, width: int, looped: int = 0) -> list[str]:
        """Its options for a quality on H.264's scale, a width, and the frames of a loop."""
        number = min(max(round(self.slope * crf + self.offset), 1), self.most)
        codec = ["-c:v", self.library, "-pix_fmt", self.pixels, self.quality, str(number)]
        params = [*self.params, *(self.narrow if width < NARROW else ())]
        if self.has_zones and (zones := seam_zones(looped)):
            params.append(zones)
        return [*codec, *self.options, *([self.own, ":".join(params)] if params else ())]


def seam_zones(count: int) -> str:
    """The parameter that lets a film's last frame look so that its first may follow it.

    Encoders spend least on the last frames, as no other refers to them, and most on the first. What
    they lose there is another thing than what they lose here, and is seen to change at once.

    Args:
        count: frames of the film; "" is returned for fewer than two.
    """
    steps = min(_SEAM_STEPS, count // 2)
    length = min(_SEAM_FRAMES, count // 2)
    starts = [count - length + length * step // steps for step in range(steps)]
    shares = [_SEAM_SHARE ** ((step + 1) / steps) for step in range(steps)]
    ends = [start - 1 for start in [*starts[1:], count]]
    zones = [(0, 0, _FIRST_SHARE), *zip(starts, ends, shares, strict=True)] if steps else []
    return "zones=" + "/".join(f"{a},{b},b={share:.3g}" for a, b, share in zones) if zones else ""


_VBR = ("-preset", "p5", "-tune", "hq", "-rc", "vbr", "-b:v", "0")

_ENCODERS: dict[tuple[EncoderName, Codec], Encoder] = {
    ("x264", "h264"): Encoder(
        "libx264", "yuv420p", "-crf", 1, 0, 51, ("-preset", "medium"),
        own="-x264-params", has_zones=True,
    ),
    ("x265", "h265"): Encoder(
        "libx265", "yuv420p10le", "-crf", 1.14, -2.3, 51,
        ("-preset", "medium", "-tag:v", "hvc1"), own="-x265-params", params=("log-level=error",),
        # It overruns its memory where a film is narrower than its blocks, 64 pixels unless told.
        narrow=("ctu=16",), has_zones=True,
    ),
    ("svt-av1", "av1"): Encoder(
        "libsvtav1", "yuv420p10le", "-crf", 2, -12.5, 63, ("-preset", "6"),
        # It would blur the first frame with those that follow it, and none of the others so.
        own="-svtav1-params", params=("enable-tf=0",),
    ),
    ("aom", "av1"): Encoder(
        "libaom-av1", "yuv420p10le", "-crf", 2, -12, 63,
        ("-b:v", "0", "-cpu-used", "6", "-row-mt", "1"),
    ),
    ("vpx", "vp9"): Encoder(
        "libvpx-vp9", "yuv420p", "-crf", 2.07, -11.4, 63,
        ("-b:v", "0", "-deadline", "good", "-cpu-used", "3", "-row-mt", "1"),
    ),
    ("nvenc", "h264"): Encoder("h264_nvenc", "yuv420p", "-cq", 1, 0, 51, _VBR),
    ("nvenc", "h265"): Encoder(
        "hevc_nvenc", "p010le", "-cq", 1.14, -2.3, 51, (*_VBR, "-tag:v", "hvc1")
    ),
    ("nvenc", "av1"): Encoder("av1_nvenc", "p010le", "-cq", 2, -12.5, 63, _VBR),
}  # fmt: skip


def choose_encoder(
    path: Path, settings: FormatSettings, height: int = _TRIED, width: int = _TRIED
) -> Encoder:
    """The encoder of a film of that name, with frames of that size.

    Unless it is named, it is in software, which gives the better picture for the size; where there
    are several for a codec, the first that works here.
    """
    codec = settings.codec_in(path)
    if settings.encoder != "auto":
        return _ENCODERS[settings.encoder, codec]
    able = [_ENCODERS[name, codec] for name in _software(codec)]
    working = (encoder for encoder in able[:-1] if not complaint(encoder, height, width))
    return next(working, able[-1])


def check_encoder(path: Path, settings: FormatSettings) -> None:
    """Find out by a tiny film whether the encoder of a film of that name works here.

    Raises:
        FilmError: it does not; the message says which do.
    """
    encoder, codec = choose_encoder(path, settings), settings.codec_in(path)
    why = complaint(encoder)
    if not why:
        return
    asked = settings.encoder if settings.encoder != "auto" else f"software for {codec}"
    working = [name for (name, _), one in _ENCODERS.items() if not complaint(one)]
    raise FilmError(
        f"ffmpeg cannot encode {codec} by {asked} here ({why}); it can by"
        f" {', '.join(dict.fromkeys(working)) or 'none that medley knows'}: choose one by ",
        Setting("encoder"),
    )


def check_size(path: Path, settings: FormatSettings, height: int, width: int) -> None:
    """Find out by one frame whether the encoder of a film of that name takes frames of that size.

    Args:
        path: file of the film, whose encoder `check_encoder` has accepted.
        settings: codec and encoder.
        height, width: size of the frames, even.

    Raises:
        FilmError: it does not; the message says which codecs do.
    """
    encoder, codec = choose_encoder(path, settings, height, width), settings.codec_in(path)
    why = complaint(encoder, height, width)
    if not why:
        return
    able = [
        f"{one} by {name}"
        for one in format_of(path).codecs
        for name in _software(one)
        if not complaint(_ENCODERS[name, one], height, width)
    ]
    way = f"it can in {', '.join(able)}: choose that, or another " if able else "choose another "
    raise FilmError(
        f"ffmpeg cannot encode frames of {width}x{height} in {codec} here ({why}); {way}",
        Setting("resolution"),
    )


def complaint(encoder: Encoder, height: int = _TRIED, width: int = _TRIED) -> str:
    """What ffmpeg says when it is to encode a frame of that size so; "" if it does.

    Usual sizes are one: a batch may have films of hundreds, and no encoder tells them apart.
    """
    is_usual = min(height, width) >= _TRIED and max(height, width) <= _USUAL
    return _try(encoder, _TRIED, _TRIED) if is_usual else _try(encoder, height, width)


@cache
def _try(encoder: Encoder, height: int, width: int) -> str:
    source = ["-f", "lavfi", "-i", f"color=s={width}x{height}:r=25", "-frames:v", "1"]
    # Its list alone says what it was built with, not whether the hardware is there.
    done = run(*source, *encoder.command(20, width), "-f", "null", "-")
    return cause(done.stderr.splitlines()) if done.returncode else ""


def _software(codec: Codec) -> list[EncoderName]:
    return [name for name, codecs in ENCODERS.items() if codec in codecs and name != "nvenc"]
