"""A video's file: what ffmpeg says of its pictures and sound, and its frames as medley shows them.

Frames are upright, of square pixels, whole (not interlaced), in sRGB, and come at a constant rate.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from medley.errors import FilmError
from medley.media.ffmpeg import cause, drain, listing, run, url

_LENIENT = ("-max_error_rate", "1")  # however much is damaged, the rest is given
_LOOKED = 8  # frames that tell whether a video is interlaced

# What ffmpeg takes for a film and is none: letters, single pictures, drawings.
_NO_VIDEO = re.compile(r"tty|image2|.*_pipe|bin|xbin|adf|idf")
_INPUT = re.compile(r"\] Input #0, (\S+), from|^Input #0, (\S+), from", re.MULTILINE)
_LENGTH = re.compile(r"Duration: (\d+):(\d+):(\d+(?:\.\d+)?),")
_SOUND = re.compile(r"Stream #0:\d+.*?: Audio: (\w+)")
_AVERAGE = re.compile(r"Stream #0:\d+.*?: Video: .* (\d+(?:\.\d+)?)(k?) fps")
_ALPHA = re.compile(r": Video: (vp[89])\b(?:(?!: Video: ).)* alpha_mode +: 1", re.DOTALL)
_RATE = re.compile(r"config in time_base: \S+, frame_rate: (\d+)/(\d+)")
_FRAME = re.compile(
    r" n: *\d+ pts:.* pts_time:(?P<time>\S+) .*fmt:(?P<format>\w+) .*sar:(?P<aspect>\d+/\d+)"
    r" s:(?P<width>\d+)x(?P<height>\d+) i:(?P<scan>\w)"
)
_COLOR = re.compile(r"color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)")

_DEEP_LIGHT = {"smpte2084", "arib-std-b67"}  # the transfers of PQ and HLG
_WIDE = {"bt2020", "smpte431", "smpte432"}  # primaries beyond sRGB's
# Of the light of white paper, which is 203 cd/m² (ITU-R BT.2408, table 1); 1000 are the brightest
# that is graded for. Mobius leaves what is darker than 0.3 as it is, and so all but the highlights.
_PAPER, _BRIGHTEST = 203, 1000 / 203
_SHARP = "flags=bicubic+accurate_rnd+full_chroma_int"
_HIGH = 720  # rows from which a video that does not say it has BT.709's matrix, not BT.601's


@dataclass(frozen=True)
class Video:
    """What a video's file says of itself.

    Attributes:
        path: the file.
        height: rows of its first frame, upright and with square pixels.
        width: columns of it.
        rate: frames a second that it gives; None if it gives none.
        average: frames a second on average, as ffmpeg rounds it; "" if it is not known.
        length_s: seconds that it says it lasts; None if it does not.
        begins_s: seconds from its beginning to its first frame.
        sound: ffmpeg's name of its first sound's codec; "" if it has no sound.
        has_alpha: whether something may shine through it.
        is_interlaced: whether its frames are two fields.
        aspect: width of a pixel, its height being 1.
        colors: matrix, primaries and transfer in ffmpeg's words, "unknown" where it does not say.
        decoder: ffmpeg's options that choose another decoder than its own.
    """

    path: Path
    height: int
    width: int
    rate: Fraction | None
    average: str
    length_s: Fraction | None
    begins_s: Fraction
    sound: str
    has_alpha: bool
    is_interlaced: bool
    aspect: Fraction
    colors: tuple[str, str, str]
    decoder: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cut:
    """Which of a video's frames are meant.

    Attributes:
        fps: frames a second that come out, whatever the file has.
        start_s: seconds from the beginning; None for its first frame, whenever that is.
        most: most frames; None for all.
    """

    fps: Fraction
    start_s: Fraction | None = None
    most: int | None = None

    def source(self, video: Video) -> list[str]:
        """ffmpeg's options that open the file at the beginning of the cut.

        Packets that are torn are left out. Frames before the beginning are decoded too, since one
        of them may still be shown there.
        """
        seek = [] if self.start_s is None else ["-noaccurate_seek", "-ss", _seconds(self.start_s)]
        given = [*video.decoder, "-fflags", "+discardcorrupt", *seek, "-i", url(video.path)]
        return [*_LENIENT, *given, "-map", "0:V:0"]

    def resampling(self, begins_s: Fraction, rounding: str = "near") -> str:
        """The filters that let each frame stand until the next one's time has come.

        Args:
            begins_s: when a video's first frame is shown, with which the whole of it begins.
            rounding: which way frames' times are rounded to those of the rate.
        """
        if self.start_s is not None:
            return f"fps=fps={self.fps}:round={rounding}:start_time=0"
        return f"fps=fps={self.fps}:round={rounding},setpts=PTS-{round(begins_s * self.fps)}"

    @property
    def end(self) -> list[str]:
        """ffmpeg's options of the output.

        Where a video changes its size, the filters start over, and a frame is lost: so that what
        follows does not come too early, the one before stands for it.
        """
        most = [] if self.most is None else ["-frames:v", str(self.most)]
        return [*most, "-fps_mode", "cfr", "-r", str(self.fps)]


def look(path: Path, decoder: tuple[str, ...] = ()) -> Video:
    """Read what a video's file says of itself, and decode its first frames.

    Args:
        path: the file.
        decoder: ffmpeg's options that choose another decoder than its own, which does not see what
            shines through VP8 and VP9.

    Raises:
        FilmError: it is no video, has nothing but sound, or not one whole frame.
    """
    shown = ["-vf", "showinfo=checksum=0", "-frames:v", str(_LOOKED), "-f", "null", "-"]
    given = [*_LENIENT, *decoder, "-i", url(path), "-map", "0:V:0"]
    done = run("-v", "repeat+level+info", *given, *shown)
    told = done.stderr
    if not decoder and (found := _ALPHA.search(told)):
        return look(path, ("-c:v", "libvpx-vp9" if found[1] == "vp9" else "libvpx"))
    kind = _INPUT.search(told)
    if kind is None:
        cut = "; it was cut off, or not written to its end" if "moov atom not found" in told else ""
        raise FilmError(f"'{path}' is no clip that ffmpeg can read ({_why(told)}){cut}")
    if any(_NO_VIDEO.fullmatch(name) for name in (kind[1] or kind[2]).split(",")):
        raise FilmError(f"'{path}' is no clip; name a video, or a folder of numbered pictures")
    if "matches no streams" in told:
        what = "is nothing but sound" if _SOUND.search(told) else "are no pictures"
        raise FilmError(f"there {what} in '{path}'; name a clip with pictures")
    frames, colors = list(_FRAME.finditer(told)), _COLOR.search(told)
    if not frames:
        raise FilmError(f"not one frame of '{path}' can be read ({_why(told)})")
    first = frames[0]
    aspect = Fraction(first["aspect"]) if first["aspect"][0] != "0" else Fraction(1)
    height, width = int(first["height"]), int(first["width"])
    rate, sound = _RATE.search(told), _SOUND.search(told)
    return Video(
        path=path,
        height=height if aspect >= 1 else round(height / aspect),
        width=width if aspect <= 1 else round(width * aspect),
        rate=Fraction(int(rate[1]), int(rate[2])) if rate and "0" not in rate.groups() else None,
        average=_average(told),
        length_s=_length(told),
        begins_s=Fraction(first["time"]) if first["time"] != "NOPTS" else Fraction(0),
        sound=sound[1] if sound else "",
        has_alpha=bool(re.match(r"yuva|gbrap|rgba|bgra|argb|abgr|ya|pal8|ayuv", first["format"])),
        is_interlaced=any(frame["scan"] in "TB" for frame in frames),
        aspect=aspect,
        colors=(colors[1], colors[2], colors[3]) if colors else ("unknown",) * 3,
        decoder=decoder,
    )


def count(
    video: Video, cut: Cut, on_frame: Callable[[int], None] = lambda _: None
) -> tuple[int, int, str]:
    """Decode a cut to its end.

    Args:
        video: the video.
        cut: its part, and the rate.
        on_frame: called with the number of frames that there are so far.

    Returns:
        How many frames there are; how many of them have another size than the first; and what is
        wrong with the file in ffmpeg's words, or "".

    Raises:
        FilmError: ffmpeg cannot be started.
    """
    said: list[str] = []
    # Bytes of frames are counted, which would be as many in one that lies on its side.
    filters = ["-vf", f"{cut.resampling(video.begins_s)},pad=iw+2:ih+6", "-noautoscale"]
    sizes = Counter[str]()
    for row in listing([*cut.source(video), *filters, *cut.end], said):
        if row[:1] == "0":
            sizes[row.split(",")[4]] += 1
            on_frame(sizes.total())
    own = next(iter(sizes.values()), 0)  # the first frame's
    return sizes.total(), sizes.total() - own, cause(said) if said else ""


def frames(
    video: Video, cut: Cut, size: tuple[int, int] | None = None, rounding: str = "near"
) -> Iterator[bytes]:
    """Decode a cut, frame by frame.

    A frame of another size than the first one's is fitted into it, on black.

    Args:
        video: the video.
        cut: its part, and the rate.
        size: height and width at which frames are wanted; their own by default.
        rounding: which way frames' times are rounded to those of the rate.

    Yields:
        Each frame's bytes: RGBA where the video has alpha, else RGB.

    Raises:
        FilmError: ffmpeg cannot be started, or failed, in its own words.
    """
    height, width = size or (video.height, video.width)
    channels = 4 if video.has_alpha else 3
    chain = ",".join(_shown(video, cut.resampling(video.begins_s, rounding), height, width))
    options = [*cut.source(video), "-vf", chain, *cut.end, "-f", "rawvideo"]
    try:
        yield from drain(options, height * width * channels)
    except FilmError as error:
        raise FilmError(f"'{video.path}' cannot be decoded: ", *error.args) from error


def frame_at(video: Video, time_s: Fraction) -> bytes | None:
    """The frame that is shown at a time, as `frames` gives it; None if the video ends before."""
    return next(frames(video, Cut(Fraction(1000), time_s, most=1), rounding="up"), None)


def _shown(video: Video, resampling: str, height: int, width: int) -> Iterator[str]:
    """The filters that make a video's frames what is meant by them."""
    if video.is_interlaced:
        yield "bwdif=mode=send_frame:deint=interlaced"
    yield resampling
    yield from _to_srgb(video)
    aspect = video.aspect
    if aspect > 1:
        yield f"scale='trunc(iw*{aspect}+0.5)':ih:{_SHARP},setsar=1"
    elif aspect < 1:
        yield f"scale=iw:'trunc(ih/({aspect})+0.5)':{_SHARP},setsar=1"
    pixels = "rgba" if video.has_alpha else "rgb24"
    own = f"{video.width}:{video.height}"
    yield f"scale={own}:force_original_aspect_ratio=decrease:{_SHARP},format={pixels}"
    yield f"pad={own}:-1:-1"
    if (height, width) != (video.height, video.width):
        yield f"scale={width}:{height}:{_SHARP}"


def _to_srgb(video: Video) -> Iterator[str]:
    """The filters for colours that are not those of an ordinary video.

    HDR is linearized, brought to sRGB's primaries, and its highlights are pressed together.
    """
    matrix, primaries, transfer = video.colors
    if transfer in _DEEP_LIGHT:
        known = "" if primaries != "unknown" else ":pin=bt2020"
        known += "" if matrix != "unknown" else ":min=bt2020nc"
        yield f"zscale=t=linear:npl={_PAPER}{known},format=gbrpf32le,zscale=p=bt709"
        yield f"tonemap=tonemap=mobius:peak={_BRIGHTEST:.4f}:desat=0"
        yield "zscale=t=iec61966-2-1:r=full,format=gbrp"
    elif primaries in _WIDE:
        known = "" if matrix != "unknown" else ":min=bt2020nc"
        yield f"zscale=tin=bt709:t=linear{known},format=gbrpf32le,zscale=p=bt709"
        yield "zscale=t=bt709:r=full,format=gbrp"
    elif matrix == "unknown" and video.height >= _HIGH:
        yield "setparams=colorspace=bt709"


def _why(told: str) -> str:
    """What went wrong, out of all that ffmpeg told."""
    return cause(line for line in told.splitlines() if re.search(r"\[(?:error|fatal)\]", line))


def _length(told: str) -> Fraction | None:
    found = _LENGTH.search(told)
    return (
        3600 * Fraction(found[1]) + 60 * Fraction(found[2]) + Fraction(found[3]) if found else None
    )


def _average(told: str) -> str:
    found = _AVERAGE.search(told)
    if found is None or not float(found[1]):
        return ""
    return f"{float(found[1]) * 1000:g}" if found[2] else found[1]


def _seconds(time_s: Fraction) -> str:
    return f"{float(time_s):.6f}"
