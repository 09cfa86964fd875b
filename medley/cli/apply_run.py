"""What `medley apply` does: photos go through a style network, one by one."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import click

from medley.allocation import keep_large_blocks
from medley.cli.films import closing_line
from medley.cli.progress import Display, display
from medley.cli.stylize_run import report, source_of, tell_failed
from medley.cli.words import STREAM, as_given
from medley.errors import words_of
from medley.files import check_free
from medley.film.clips import Part, is_clip
from medley.kinds import is_video
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
from medley.studio.shooting.devices import one_device
from medley.studio.still_files import (
    Repainted,
    Source,
    StillFile,
    StillJob,
    list_pictures,
    plan_files,
    repaint_all,
    suffix_of,
)


class Request(NamedTuple):
    """What was asked for: the options of the command, read and found to fit one another."""

    net: Path
    photos: tuple[Path, ...]
    output: Path
    file_format: StillFormat | None  # none of a film
    look: ApplySettings
    preserving: FinishSettings
    still: StillSettings
    film: CutSettings
    walk: WalkSettings
    run: RunSettings
    part: tuple[Fraction | None, ...] | None  # of a clip: frames a second, from, to
    several: bool
    force: bool
    as_json: bool
    quiet: bool


Maker = Callable[[StillJob, str], Repainted]
"""Makes a picture or a film of a photo, which has a title for people."""


def repaint(request: Request) -> int:
    """Repaint photos, or a clip; give the exit code."""
    with display(request.quiet) as show:
        is_film = request.file_format is None or is_video(request.photos[0])
        if request.part is not None and is_film:
            _repaint_clip(request, Part(*request.part), show)
            return 0
        form = request.file_format
        make = _still_maker(request, form, show) if form else _film_maker(request, show)
        jobs = _plan(request, show.warn)
        numbers = {id(job): number for number, job in enumerate(jobs, start=1)}

        def one(job: StillJob) -> Repainted:
            name = job.content.path.name
            title = f"picture {numbers[id(job)]}/{len(jobs)} {name}" if request.several else name
            return make(job, title)

        if not request.several:
            report(one(jobs[0]), request.as_json)
            return 0
        failed = []
        for done in repaint_all(one, jobs):
            if done.error is not None:
                failed.append(done.job.content.path)
                show.warn(f"passed over: {words_of(done.error, as_given)}")
            report(done, request.as_json)
    return tell_failed(failed, len(jobs))


def _repaint_clip(request: Request, part: Part, show: Display) -> None:
    """Make a film of a clip, and say how fast."""
    (path,), output = request.photos, request.output
    if not path.is_dir() and not is_clip(path):
        raise click.UsageError(
            f"--output '{output}' is a film, and '{path}' does not move; pass --style walk for one,"
            " or name a picture"
        )
    check_free(output, request.force, [path, request.net])
    net = load_net(request.net, request.look, one_device(request.run.device))
    maker = NetClip(net, request.look, request.preserving, request.film)
    clip = maker.look_at(path, part, output, show.warn)
    keep_large_blocks()
    facts, about = maker.make(clip, output, path.name, show.on)
    pace = clip.frame_count / max(about["seconds"], 0.001)
    show.line(f"{facts.words}; {pace:.1f} frames a second were repainted")
    report(Repainted(StillJob(Source(path), output), facts=about), request.as_json)


def _still_maker(request: Request, form: StillFormat, show: Display) -> Maker:
    """What makes the pictures, with its network loaded."""
    check_format(form, request.still.depth, request.still.file_quality)
    file = StillFile(form, request.still, request.film.strength)
    net = load_net(request.net, request.look, one_device(request.run.device))
    stills = NetStills(net, request.look, request.preserving, file)
    return lambda job, title: stills.repaint(job, title, show.on)


def _film_maker(request: Request, show: Display) -> Maker:
    """What makes the films, with its network loaded."""
    path = Path(f"film{USUAL_SUFFIX}") if request.several else request.output
    for note in check_output(path, request.film):
        show.warn(note)
    films = NetFilms(
        request.net, request.look, request.preserving, request.film.fitted(path),
        request.walk.seconds_per_painting, one_device(request.run.device),
    )  # fmt: skip
    films.load()
    keep_large_blocks()

    def make(job: StillJob, title: str) -> Repainted:
        facts, about = films.make(job.content, job.output or path, title, show.on)
        show.line(closing_line(facts, Outputs(facts.path)))
        return Repainted(job, facts=about)

    return make


def _plan(request: Request, tell: Callable[[str], None]) -> list[StillJob]:
    """Find out what is to be done, and whether it can be written."""
    output, force = request.output, request.force
    if not request.several:
        (photo,) = request.photos
        if output != STREAM:
            _check_free(request, output, [photo, request.net])
        return [StillJob(source_of(photo), None if output == STREAM else output)]
    files: list[Path] = []
    for path in dict.fromkeys(request.photos):
        files += list_pictures(path, output) if path.is_dir() else [path]
    suffix = suffix_of(request.file_format) if request.file_format else USUAL_SUFFIX
    jobs, finished = plan_files(files, output, suffix, force, [request.net])
    for job in finished:
        tell(f"'{job.output}' is there already; --force replaces it")
    for target in (job.output for job in jobs if job.output and not request.file_format):
        _check_free(request, target, [*files, request.net])
    return jobs


def _check_free(request: Request, output: Path, inputs: Sequence[Path]) -> None:
    """Check that a picture, or a film with what lies beside it, may and can be written."""
    if request.file_format:
        check_free(output, request.force, inputs)
        return
    files = Outputs(output)
    files.check_own()
    files.check(request.force, inputs)
