"""Frames to an H.264 film through ffmpeg, streamed, and read back before it gets its name."""

import contextlib
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import IO

import imageio_ffmpeg
import numpy as np

from medley.errors import FilmError
from medley.files import part_file
from medley.images import Pixels

_LAST_WORDS = 6  # lines of ffmpeg's own that an error brings along
# ffmpeg rounds a rate whose terms are larger, silently: av_parse_video_rate's own limit.
_LARGEST_TERM = 1_001_000


@dataclass(frozen=True)
class FilmFacts:
    """What a film is, as read back from the file."""

    path: Path
    frame_count: int
    fps: Fraction
    height: int
    width: int


def encode_film(
    frames: Iterable[Pixels],
    path: Path,
    *,
    fps: Fraction,
    width: int,
    height: int,
    frame_count: int,
    crf: int = 16,
    progress: Callable[[int], None] | None = None,
    part: Path | None = None,
) -> FilmFacts:
    """Encode frames as H.264 in MP4 and check what came of it.

    The pixels are taken for sRGB, converted to limited-range BT.709 and tagged so. The film
    appears under its name only when it is whole and has been read back.

    Args:
        frames: uint8 RGB `(height, width, 3)`, taken one at a time.
        path: of the film, ending in `.mp4`.
        fps: frames a second, exact; neither of its terms above 1,001,000.
        width: of every frame; even.
        height: of every frame; even.
        frame_count: how many frames there will be.
        crf: H.264's constant rate factor, 1 to 51; 0 would be lossless, in a profile (High 4:4:4)
            that many players refuse.
        progress: called with the number of frames written, after each.
        part: write here, of a `part_files` of the caller's, who publishes it as `path`.

    Returns:
        What was read back.

    Raises:
        ValueError: an odd size, a rate that ffmpeg cannot keep exactly, or a frame that is not
            uint8 of that size.
        FilmError: a frame's picture cannot be read; ffmpeg cannot be started, or failed, in
            its own words; or the film does not read back as written.
        OutputError: `path` cannot be written to.
    """
    if width % 2 or height % 2:
        raise ValueError(f"yuv420p needs even sides, not {width}x{height}; pad the frames")
    if fps <= 0 or max(fps.numerator, fps.denominator) > _LARGEST_TERM:
        raise ValueError(f"fps must be above 0, its terms at most {_LARGEST_TERM:,}, got {fps}")
    with contextlib.nullcontext(part) if part else part_file(path) as part:
        command = _command(part, fps, width, height, crf)
        written = _stream(command, frames, (height, width, 3), progress)
        facts = read_facts(part)
        wanted = FilmFacts(part, frame_count, fps, height, width)
        if written != frame_count or facts != wanted:
            raise FilmError(f"'{path}' reads back as {_words(facts)}, not as {_words(wanted)}")
    return replace(facts, path=path)


def read_facts(path: Path) -> FilmFacts:
    """Decode a film to its end and say what is in it, its rate as an exact fraction.

    Raises:
        FilmError: ffmpeg cannot read it, or its rate is not constant.
    """
    command = [*_ffmpeg(), "-v", "error", "-i", _url(path), "-map", "0:v:0", "-f", "framecrc", "-"]
    with _starting_ffmpeg():
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
    if done.returncode:
        raise FilmError(f"ffmpeg cannot read '{path}': {_last_words(done.stderr.splitlines())}")
    return parse_facts(done.stdout, path)


def parse_facts(listing: str, path: Path) -> FilmFacts:
    """Find size, rate and number of frames in ffmpeg's `framecrc` listing of decoded frames.

    Its head gives the length of a tick in seconds, as a fraction, and the size; then comes a line
    per frame, `stream, decoding time, time, duration, bytes, sum`, the times in ticks.

    Raises:
        FilmError: they are not all in it, or the frames do not follow one another evenly.
    """
    tick = re.search(r"^#tb 0: (\d+/\d+)$", listing, re.MULTILINE)
    size = re.search(r"^#dimensions 0: (\d+)x(\d+)$", listing, re.MULTILINE)
    rows = [line.split(",") for line in listing.splitlines() if not line.startswith("#")]
    if tick is None or size is None or not rows:
        raise FilmError(f"ffmpeg finds no film in '{path}'; it may be torn, make it again")
    times = [int(row[2]) for row in rows]
    lengths = {later - earlier for earlier, later in pairwise(times)} or {int(rows[0][3])}
    length = lengths.pop()
    if lengths or length <= 0:
        raise FilmError(f"the frames of '{path}' do not follow one another evenly; make it again")
    fps = 1 / (Fraction(tick[1]) * length)
    return FilmFacts(path, len(rows), fps, height=int(size[2]), width=int(size[1]))


def _ffmpeg() -> list[str]:
    try:
        return [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin"]
    except RuntimeError as error:
        raise FilmError(f"no ffmpeg here ({error}); reinstall imageio-ffmpeg") from error


def _url(path: Path) -> str:
    """A path as ffmpeg takes it, which would see a protocol in `12:30.mp4`."""
    return f"file:{path}"


@contextlib.contextmanager
def _starting_ffmpeg() -> Iterator[None]:
    """Keep a failing start apart from a film that cannot be written, both of them OSErrors."""
    try:
        yield
    except OSError as error:
        raise FilmError(
            f"ffmpeg cannot be started ({error.strerror}: '{error.filename}'); "
            "reinstall imageio-ffmpeg, or mend IMAGEIO_FFMPEG_EXE"
        ) from error


def _readable(frames: Iterable[Pixels]) -> Iterator[Pixels]:
    """Keep a picture that cannot be read apart from a film that cannot be written."""
    try:
        yield from frames
    except OSError as error:
        raise FilmError(
            f"a frame's picture cannot be read ({error}); render its shot again"
        ) from error


def _command(part: Path, fps: Fraction, width: int, height: int, crf: int) -> list[str]:
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    source = ["-framerate", str(fps), "-i", "pipe:0"]
    # Without these two, swscale would convert by BT.601 whatever the tags say.
    scale = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"
    # The encoder takes its tags from the frames, whatever the options say.
    scale += ",setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    codec = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", str(crf), "-preset", "medium"]
    return [
        *_ffmpeg(), "-loglevel", "warning", "-y", *raw, *source, "-vf", scale,
        *codec, *tags, "-color_range", "tv", "-movflags", "+faststart", _url(part),
    ]  # fmt: skip


def _stream(
    command: list[str],
    frames: Iterable[Pixels],
    shape: tuple[int, int, int],
    progress: Callable[[int], None] | None,
) -> int:
    """Feed the frames to ffmpeg and wait for it; return how many there were."""
    with _starting_ffmpeg():
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Ctrl-C is for us: we stop ffmpeg ourselves and clean up behind it.
            start_new_session=True,
        )
    if process.stdin is None or process.stderr is None:
        raise FilmError("ffmpeg could not be started with pipes")
    said: deque[str] = deque(maxlen=_LAST_WORDS)
    listener = threading.Thread(target=_listen, args=(process.stderr, said), daemon=True)
    listener.start()
    written = 0
    try:
        for frame in _readable(frames):
            if frame.shape != shape or frame.dtype != np.uint8:
                found = f"{frame.dtype} {frame.shape}"
                raise ValueError(f"frame {written} is {found}, but the film is uint8 {shape}")
            process.stdin.write(frame.tobytes())
            written += 1
            if progress is not None:
                progress(written)
        process.stdin.close()
        code = process.wait()
    except BrokenPipeError:
        code = process.wait() or 1
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        listener.join()
        process.stderr.close()
    if code:
        raise FilmError(f"ffmpeg stopped with code {code} at frame {written}: {_last_words(said)}")
    return written


def _listen(stream: IO[bytes], said: deque[str]) -> None:
    """Keep ffmpeg's last lines; a pipe that nobody reads would block it."""
    for line in stream:
        said.append(line.decode(errors="replace").strip())


def _words(facts: FilmFacts) -> str:
    rate = f"{float(facts.fps):.5g} fps"
    return f"{facts.frame_count} frames of {facts.width}x{facts.height} at {rate}"


def _last_words(lines: Iterable[str]) -> str:
    return " | ".join(line for line in list(lines)[-_LAST_WORDS:] if line) or "it said nothing"
