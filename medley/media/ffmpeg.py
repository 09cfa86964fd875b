"""ffmpeg as a process: started, fed, listened to and stopped, its last words kept for errors."""

import contextlib
import os
import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from medley.errors import FilmError

_LAST_WORDS = 6  # lines of ffmpeg's own that an error brings along
_SPEAKER = re.compile(r"\[[^\]]* @ 0x[0-9a-f]+\] ")  # which part of it says something

# SVT-AV1 tells its settings at length unless it is told not to.
_QUIET = {"SVT_LOG": "1"}


def ffmpeg(*options: str) -> list[str]:
    """The command that runs ffmpeg with these options.

    Raises:
        FilmError: there is none on this machine.
    """
    try:
        return [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", *options]
    except RuntimeError as error:
        raise FilmError(f"no ffmpeg here ({error}); reinstall imageio-ffmpeg") from error


def url(path: Path) -> str:
    """A path as ffmpeg takes it, which would see a protocol in `12:30.mp4`."""
    return f"file:{path}"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """Run ffmpeg to its end, whatever comes of it, and keep what it said and wrote as text.

    Raises:
        FilmError: it cannot be started.
    """
    command = ffmpeg(*options)
    with _starting():
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=os.environ | _QUIET,
        )


def raw_input(width: int, height: int, fps: object) -> list[str]:
    """Options that make ffmpeg take what `feed` gives it."""
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    return [*raw, "-framerate", str(fps), "-i", "pipe:0"]


def feed(options: Sequence[str], frames: Iterable[NDArray[np.uint8]]) -> None:
    """Run ffmpeg with these options on frames, uint8 `(height, width, 3)`, that come one at a time.

    Raises:
        FilmError: it cannot be started, or failed, in its own words.
    """
    command = ffmpeg("-loglevel", "warning", "-y", *options)
    with _starting():
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | _QUIET,
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
            process.stdin.write(frame.tobytes())
            written += 1
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
        raise FilmError(f"ffmpeg stopped with code {code} at frame {written}: {last_words(said)}")


def last_words(lines: Iterable[str]) -> str:
    """The end of what ffmpeg said, in one line."""
    said = (_SPEAKER.sub("", line) for line in list(lines)[-_LAST_WORDS:])
    return " | ".join(filter(None, said)) or "it said nothing"


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """Keep a failing start apart from a film that cannot be written, both of them OSErrors."""
    try:
        yield
    except OSError as error:
        raise FilmError(
            f"ffmpeg cannot be started ({error.strerror}: '{error.filename}'); "
            "reinstall imageio-ffmpeg, or mend IMAGEIO_FFMPEG_EXE"
        ) from error


def _listen(stream: IO[bytes], said: deque[str]) -> None:
    """Keep ffmpeg's last lines; a pipe that nobody reads would block it."""
    for line in stream:
        said.append(line.decode(errors="replace").strip())
