"""What `medley apply` does: photos and clips go through a style network, one by one."""

from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import click

from medley.allocation import keep_large_blocks
from medley.cli.apply import InputKind
from medley.cli.films import closing_line
from medley.cli.progress import Display, display
from medley.cli.stylize_run import report, report_all, source_of, tell_failed
from medley.cli.words import STREAM
from medley.errors import PictureError
from medley.files import check_free
from medley.film.clips import Part, is_clip
from medley.film.encode import check_encoding
from medley.kinds import is_video, may_be_picture
from medley.moments import moment_of
from medley.settings import (
    ApplySettings,
    CutSettings,
    FinishSettings,
    RunSettings,
    StillFormat,
    StillSettings,
    WalkSettings,
)
from medley.settings.film import USUAL_SUFFIX
from medley.stills import check_format
from medley.studio.editing.outputs import Outputs, check_output
from medley.studio.net_clips import NetClip
from medley.studio.net_films import NetFilms
from medley.studio.net_stills import NetStills, load_net
from medley.studio.net_walk import NetWalk
from medley.studio.still_files import (
    Repainted,
    StillFile,
    StillJob,
    list_pictures,
    plan_files,
    repaint_all,
    suffix_of,
)


class ForClips(NamedTuple):
    """What was asked for of clips alone.

    Attributes:
        fps, begin, end: frames a second, and from where to where.
        silent: whether their own sound is left out.
        asked_by: an option that makes sense for clips alone; "" if none was given.
    """

    fps: Fraction | None
    begin: Fraction | None
    end: Fraction | None
    silent: bool
    asked_by: str


class Request(NamedTuple):
    """What was asked for: the options of the command, read and found to fit one another."""

    net: Path
    photos: tuple[Path, ...]
    output: Path
    kind: InputKind
    file_format: StillFormat | None  # none of a film
    look: ApplySettings
    preserving: FinishSettings
    still: StillSettings
    film: CutSettings
    walk: WalkSettings
    run: RunSettings
    of_clips: ForClips
    force: bool
    as_json: bool
    quiet: bool

    @property
    def several(self) -> bool:
        """Whether results go into a folder."""
        return self.kind == "several"

    def others(self) -> list[Path]:
        """Files that are read besides photos and clips."""
        return [self.net, *([self.film.audio] if self.film.audio else [])]


Maker = Callable[[StillJob, str], Repainted]
"""Makes a picture or a film of a photo or a clip, which has a title for people."""


def repaint(request: Request) -> int:
    """Repaint photos and clips; give the exit code."""
    with display(request.quiet) as show:
        files = _files(request)
        clips = {path for path in files if _is_clip(request, path)}
        if request.kind != "clip" and request.of_clips.asked_by and not clips:
            raise click.UsageError(
                f"{request.of_clips.asked_by} is for clips, and none is read; leave it out"
            )
        makers: dict[str, Maker] = {}
        if clips:
            makers["clip"] = _clip_maker(request, show)
        if not clips.issuperset(files):
            makers["picture"] = _photo_maker(request, show)
        jobs = _plan(request, files, clips, show.warn)
        numbers = {id(job): number for number, job in enumerate(jobs, start=1)}

        def one(job: StillJob) -> Repainted:
            path = job.content.path
            what = "clip" if path in clips else "picture"
            title = f"{what} {numbers[id(job)]}/{len(jobs)} {path.name}"
            return makers[what](job, title if request.several else path.name)

        if not request.several:
            report(one(jobs[0]), request.as_json)
            return 0
        what = "files" if clips else "pictures" if request.file_format else "films"
        failed = report_all(repaint_all(one, jobs), request.as_json, show, what)
    return tell_failed(failed, len(jobs), "file" if clips else "picture")


def _files(request: Request) -> list[Path]:
    """The photos and clips that are read, those of folders among them."""
    if not request.several:
        return list(request.photos)
    files: list[Path] = []
    for path in dict.fromkeys(request.photos):
        files += list_pictures(path, request.output, _is_known) if path.is_dir() else [path]
    return files


def _is_known(path: Path) -> bool:
    return may_be_picture(path) or is_video(path)


def _is_clip(request: Request, path: Path) -> bool:
    """Whether one of the files is repainted frame by frame; one that cannot be read is not.

    An animation that becomes a picture is its first frame.
    """
    if request.kind in ("clip", "photo"):
        return request.kind == "clip"
    if request.kind == "either" and request.file_format:
        return is_video(path)
    try:
        return path.is_dir() or is_clip(path)
    except PictureError:
        return False


def _clip_maker(request: Request, show: Display) -> Maker:
    """What makes films of clips, with its network loaded."""
    device, of_clips, look = request.run.device, request.of_clips, request.look
    if not request.several:
        _check_clip(request)
    check_encoding(_film_path(request), request.film)
    net = (
        NetWalk(request.net, look.style or "", device)
        if look.is_walk
        else load_net(request.net, look, device)
    )
    maker = NetClip(
        net, look, request.preserving, request.film, request.walk.seconds_per_painting,
        is_silent=of_clips.silent,
    )  # fmt: skip
    keep_large_blocks()
    part = Part(of_clips.fps, of_clips.begin, of_clips.end)

    def make(job: StillJob, title: str) -> Repainted:
        output = job.output or _film_path(request)
        clip = maker.look_at(job.content.path, part, output, show.warn)
        facts, about = maker.make(clip, output, title, show.on)
        pace = clip.frame_count / max(about["seconds"], 0.001)
        show.line(f"{facts.words}; {pace:.1f} frames a second were repainted")
        return Repainted(job, facts=about)

    return make


def _check_clip(request: Request) -> None:
    """Refuse a single input that does not move."""
    (path,), output = request.photos, request.output
    if moment_of(path) or not (path.is_dir() or is_clip(path)):
        raise click.UsageError(
            f"--output '{output}' is a film, and '{path}' does not move; pass --style walk for one,"
            " or name a picture"
        )


def _film_path(request: Request) -> Path:
    """The film that is made, or one in the folder of those that are."""
    return Path(f"film{USUAL_SUFFIX}") if request.several else request.output


def _photo_maker(request: Request, show: Display) -> Maker:
    """What makes pictures or films of photos, with its network loaded."""
    form = request.file_format
    return _still_maker(request, form, show) if form else _film_maker(request, show)


def _still_maker(request: Request, form: StillFormat, show: Display) -> Maker:
    """What makes the pictures, with its network loaded."""
    check_format(form, request.still.depth, request.still.file_quality)
    file = StillFile(form, request.still, request.film.strength)
    net = load_net(request.net, request.look, request.run.device)
    stills = NetStills(net, request.look, request.preserving, file)
    return lambda job, title: stills.repaint(job, title, show.on)


def _film_maker(request: Request, show: Display) -> Maker:
    """What makes the films, with its network loaded."""
    path = _film_path(request)
    for note in check_output(path, request.film):
        show.warn(note)
    films = NetFilms(
        request.net, request.look, request.preserving, request.film.fitted(path),
        request.walk.seconds_per_painting, request.run.device,
    )  # fmt: skip
    films.load()
    keep_large_blocks()

    def make(job: StillJob, title: str) -> Repainted:
        facts, about = films.make(job.content, job.output or path, title, show.on)
        show.line(closing_line(facts, Outputs(facts.path)))
        return Repainted(job, facts=about)

    return make


def _plan(
    request: Request, files: Sequence[Path], clips: Collection[Path], tell: Callable[[str], None]
) -> list[StillJob]:
    """Find out what is to be done, and whether it can be written."""
    output, force, others = request.output, request.force, request.others()
    if not request.several:
        (path,) = files
        if output == STREAM:
            return [StillJob(source_of(path), None)]
        _check_free(request, output, path in clips, [path, *others])
        return [StillJob(source_of(path), output)]
    form = request.file_format
    of_photos = suffix_of(form) if form else USUAL_SUFFIX

    def suffix(path: Path) -> str:
        return USUAL_SUFFIX if path in clips else of_photos

    jobs, finished = plan_files(files, output, suffix, force, others)
    for job in finished:
        tell(f"'{job.output}' is there already; --force replaces it")
    for job in jobs:
        if job.output and not form:
            _check_free(request, job.output, job.content.path in clips, [*files, *others])
    return jobs


def _check_free(request: Request, output: Path, is_plain: bool, inputs: Sequence[Path]) -> None:
    """Check that a file, or a film of a photo with what lies beside it, may and can be written."""
    if request.file_format or is_plain:
        check_free(output, request.force, inputs)
        return
    files = Outputs(output)
    files.check_own()
    files.check(request.force, inputs)
