"""ffmpeg as a process: started, fed, listened to and stopped, and the cause when it fails."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import imageio_ffmpeg

from medley.errors import FilmError

# Every line tells its level, none is joined with others, and errors alone are said.
_TELLING = ("-loglevel", "repeat+level+error")
_KEPT = 200  # lines of what it says that are kept: the cause is among the first
_SPEAKER = re.compile(r"\[[^\]]* @ (?:0x)?[0-9a-fA-F]+\] ")  # which part of it says something
_ERROR = re.compile(r"^(?:\w+ ?)?\[(?:error|fatal|panic)\]:? *")  # x264's own begin with its name
_SURVIVED = "Error submitting packet to decoder"  # said of the lines before; it reads on
_FOLLOWS = re.compile(
    r"Conversion failed|Task finished with error|Terminating thread|Could not open encoder before"
    r"|Nothing was written|Error (?:while opening|sending|opening (?:in|out)put files?|parsing"
    r"|re-?initializing filters|muxing)|Failed to (?:configure output pad|set value)"
)
"""What it says of an error that it has told already."""

# SVT-AV1 tells its settings at length unless it is told not to.
_QUIET = {"SVT_LOG": "1"}


_SIGNALS = {
    "SIGXFSZ": "the file is larger than the file size limit, ulimit -f, allows",
    "SIGXCPU": "the limit of CPU time, ulimit -t, was reached",
    "SIGKILL": "killed from outside, as when memory runs out",
}
"""What signals of the system's limits mean."""


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
    command = ffmpeg(*_TELLING, *options)
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


def feed(options: Sequence[str], frames: Iterable[bytes]) -> None:
    """Run ffmpeg with these options on frames' RGB bytes, which come one frame at a time.

    Raises:
        FilmError: it cannot be started, or failed, in its own words.
    """
    written = 0
    with _running(["-y", *options], reads=True) as at_work:
        try:
            for frame in frames:
                at_work.write(frame)
                written += 1
            at_work.finish()
        except BrokenPipeError:
            at_work.code = at_work.process.wait() or 1
    if at_work.code:
        how = ended(at_work.code)
        raise FilmError(f"ffmpeg {how} at frame {written}: {cause(at_work.said)}")


def drain(options: Sequence[str], size: int) -> Iterator[bytes]:
    """Run ffmpeg with these options and yield what it writes, in pieces of `size` bytes.

    A piece that is not whole at the end is left out. ffmpeg ends with the iterator, however that
    ends.

    Raises:
        FilmError: it cannot be started, or failed, in its own words.
    """
    read = 0
    with _running([*options, "pipe:1"], writes=True) as at_work:
        pipe = at_work.process.stdout
        while pipe and len(piece := pipe.read(size)) == size:
            yield piece
            read += 1
        at_work.finish()
    if at_work.code:
        raise FilmError(f"ffmpeg {ended(at_work.code)} after frame {read}: {cause(at_work.said)}")


def listing(options: Sequence[str], said: list[str]) -> Iterator[str]:
    """Run ffmpeg with these options and yield the lines that it writes, whatever comes of it.

    Args:
        options: its options, without those of the output.
        said: takes what it says, at the end.

    Raises:
        FilmError: it cannot be started.
    """
    with _running([*options, "-f", "framecrc", "pipe:1"], writes=True) as at_work:
        for line in at_work.process.stdout or ():
            yield line.decode(errors="replace").rstrip()
        at_work.finish()
    said += at_work.said


class _AtWork:
    """ffmpeg while it runs.

    Attributes:
        process: the process.
        said: its first lines, all of them once it has ended.
        code: its exit code; None until `finish`.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self.said = process, list[str]()
        self.code: int | None = None

    def write(self, data: bytes) -> None:
        """Write to its standard input."""
        if self.process.stdin is not None:
            self.process.stdin.write(data)

    def finish(self) -> None:
        """Close its input and wait for its end."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.code = self.process.wait()


@contextlib.contextmanager
def _running(
    options: Sequence[str], reads: bool = False, writes: bool = False
) -> Iterator[_AtWork]:
    """Run ffmpeg while the block lasts; it is killed if it has not ended by then.

    Args:
        options: its options.
        reads: whether its standard input is a pipe.
        writes: whether its standard output is one.

    Raises:
        FilmError: it cannot be started.
    """
    command = ffmpeg(*_TELLING, *options)
    with _starting():
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE if writes else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | _QUIET,
            # Ctrl-C is for us: we stop ffmpeg ourselves and clean up behind it.
            start_new_session=True,
        )
    at_work = _AtWork(process)
    listener = threading.Thread(target=_listen, args=(process.stderr, at_work.said), daemon=True)
    listener.start()
    try:
        yield at_work
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        listener.join()
        if process.stderr:
            process.stderr.close()


def ended(code: int) -> str:
    """Words for how ffmpeg ended, by its exit code, which is negative after a signal."""
    if code >= 0:
        return f"stopped with code {code}"
    name = signal.Signals(-code).name if -code in {*signal.Signals} else f"signal {-code}"
    why = _SIGNALS.get(name)
    return f"was ended by {name} ({why})" if why else f"was ended by {name}"


def cause(lines: Iterable[str]) -> str:
    """What ffmpeg failed by: the first error that it told and did not survive, in one line.

    What comes after it, down to "Conversion failed!", only follows from it.
    """
    said = [_SPEAKER.sub("", line).strip() for line in lines if line.strip()]
    errors = [line for line in said if _ERROR.match(line)]
    roots: list[str] = []
    for line in errors:
        if _SURVIVED in line:
            roots.clear()
        elif not _FOLLOWS.search(line):
            roots.append(line)
    first = next(iter(roots or errors or said), "it said nothing")
    return _ERROR.sub("", first).rstrip(".!")


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


def _listen(stream: IO[bytes], said: list[str]) -> None:
    """Keep ffmpeg's first lines; a pipe that nobody reads would block it."""
    for line in stream:
        if len(said) < _KEPT:
            said.append(line.decode(errors="replace"))
