"""What `medley apply` does: photos and clips go through a style network, one by one."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import click

from medley.cli.apply_clips import clip_maker
from medley.cli.apply_photos import photo_maker
from medley.cli.apply_request import Maker, Request
from medley.cli.progress import display
from medley.cli.stylize_run import report, report_all, source_of, tell_failed
from medley.cli.words import STREAM
from medley.errors import PictureError
from medley.files import check_free
from medley.film.clips import is_clip
from medley.kinds import is_video, may_be_picture
from medley.settings.film import USUAL_SUFFIX
from medley.studio.editing.outputs import Outputs
from medley.studio.still_files import (
    Repainted,
    StillJob,
    list_pictures,
    plan_files,
    repaint_all,
    suffix_of,
)


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
            makers["clip"] = clip_maker(request, show)
        if not clips.issuperset(files):
            makers["picture"] = photo_maker(request, show)
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


def _plan(
    request: Request, files: Sequence[Path], clips: Collection[Path], tell: Callable[[str], None]
) -> list[StillJob]:
    """Find out what is to be done, and whether it can be written."""
    output, force, others = request.output, request.force, request.others
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
