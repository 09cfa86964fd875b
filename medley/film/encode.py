"""Frames to an H.264 film through ffmpeg, streamed, and read back before it gets its name."""

import contextlib
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import imageio_ffmpeg

from medley.errors import FilmError
from medley.files import part_file
from medley.images import Pixels

_LAST_WORDS = 6  # lines of ffmpeg's own that an error brings along
_RATE_SLACK = Fraction(1, 100)  # ffmpeg prints a rate with two decimals


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
) -> FilmFacts:
    """Encode frames as H.264 in MP4 and check what came of it.

    The pixels are taken for sRGB, converted to limited-range BT.709 and tagged so. The film
    appears under its name only when it is whole and has been read back.

    Args:
        frames: uint8 RGB `(height, width, 3)`, taken one at a time.
        path: of the film, ending in `.mp4`.
        fps: frames a second, exact.
        width: of every frame; even.
        height: of every frame; even.
        frame_count: how many frames there will be.
        crf: H.264's constant rate factor, 0 (lossless) to 51.
        progress: called with the number of frames written, after each.

    Returns:
        What was read back.

    Raises:
        ValueError: an odd size, or a frame of another size.
        FilmError: ffmpeg failed, in its own words, or the film does not read back as written.
        OutputError: `path` cannot be written to.
    """
    if width % 2 or height % 2:
        raise ValueError(f"yuv420p needs even sides, not {width}x{height}; pad the frames")
    with part_file(path) as part:
        command = _command(part, fps, width, height, crf)
        written = _stream(command, frames, (height, width, 3), progress)
        facts = read_facts(part)
        wanted = FilmFacts(part, frame_count, fps, height, width)
        if written != frame_count or not _agree(facts, wanted):
            raise FilmError(f"'{path}' reads back as {_words(facts)}, not as {_words(wanted)}")
    return FilmFacts(path, frame_count, fps, height, width)


def read_facts(path: Path) -> FilmFacts:
    """Decode a film to its end and say what is in it; the rate is good to two decimals.

    Raises:
        FilmError: ffmpeg cannot read it.
    """
    command = [*_ffmpeg(), "-i", str(path), "-map", "0:v:0", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        raise FilmError(f"ffmpeg cannot read '{path}': {_last_words(said.splitlines())}")
    return parse_facts(said, path)


def parse_facts(said: str, path: Path) -> FilmFacts:
    """Find size, rate and number of frames in what ffmpeg says of a file that it decoded.

    Raises:
        FilmError: they are not all in it.
    """
    video = re.search(r"Stream #.*Video:.*?, (\d+)x(\d+).*?, ([\d.]+)(k?) fps", said)
    counts = re.findall(r"frame=\s*(\d+)", said)
    if video is None or not counts:
        raise FilmError(f"ffmpeg finds no film in '{path}': {_last_words(said.splitlines())}")
    width, height, rate, thousands = video.groups()
    fps = Fraction(rate) * (1000 if thousands else 1)
    return FilmFacts(path, int(counts[-1]), fps, int(height), int(width))


def _ffmpeg() -> list[str]:
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin"]


def _command(part: Path, fps: Fraction, width: int, height: int, crf: int) -> list[str]:
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    source = ["-framerate", str(fps), "-i", "pipe:0"]
    # Without these two, swscale would convert by BT.601 whatever the tags say.
    scale = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    codec = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", str(crf), "-preset", "medium"]
    return [
        *_ffmpeg(), "-loglevel", "warning", "-y", *raw, *source, "-vf", scale,
        *codec, *tags, "-color_range", "tv", "-movflags", "+faststart", str(part),
    ]  # fmt: skip


def _stream(
    command: list[str],
    frames: Iterable[Pixels],
    shape: tuple[int, int, int],
    progress: Callable[[int], None] | None,
) -> int:
    """Feed the frames to ffmpeg and wait for it; return how many there were."""
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
        for frame in frames:
            if frame.shape != shape:
                raise ValueError(f"frame {written} is {frame.shape}, but the film is {shape}")
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


def _agree(found: FilmFacts, wanted: FilmFacts) -> bool:
    same = (found.frame_count, found.height, found.width)
    return same == (wanted.frame_count, wanted.height, wanted.width) and (
        abs(found.fps - wanted.fps) <= _RATE_SLACK
    )


def _words(facts: FilmFacts) -> str:
    rate = f"{float(facts.fps):.5g} fps"
    return f"{facts.frame_count} frames of {facts.width}x{facts.height} at {rate}"


def _last_words(lines: Iterable[str]) -> str:
    return " | ".join(line for line in list(lines)[-_LAST_WORDS:] if line) or "it said nothing"
