"""What `medley apply` does: photos go through a style network, one by one."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from medley.cli.progress import display
from medley.cli.stylize_run import report, source_of, tell_failed
from medley.cli.words import STREAM, as_given
from medley.errors import words_of
from medley.files import check_free
from medley.settings import (
    ApplySettings,
    FinishSettings,
    RunSettings,
    StillFormat,
    StillSettings,
)
from medley.stills import check_format
from medley.studio.net_stills import NetStills
from medley.studio.shooting.devices import one_device
from medley.studio.still_files import (
    Repainted,
    StillFile,
    StillJob,
    list_pictures,
    plan_files,
    repaint_all,
)


class Request(NamedTuple):
    """What was asked for: the options of the command, read and found to fit one another."""

    net: Path
    photos: tuple[Path, ...]
    output: Path
    file_format: StillFormat
    look: ApplySettings
    preserving: FinishSettings
    still: StillSettings
    run: RunSettings
    strength: float
    several: bool
    force: bool
    as_json: bool
    quiet: bool


def repaint(request: Request) -> int:
    """Repaint photos; give the exit code."""
    check_format(request.file_format, request.still.depth, request.still.file_quality)
    with display(request.quiet) as show:
        file = StillFile(request.file_format, request.still, request.strength)
        device = one_device(request.run.device)
        stills = NetStills(request.net, request.look, request.preserving, file, device)
        stills.load()
        jobs = _plan(request, show.warn)
        numbers = {id(job): number for number, job in enumerate(jobs, start=1)}

        def one(job: StillJob) -> Repainted:
            name = job.content.path.name
            title = f"picture {numbers[id(job)]}/{len(jobs)} {name}" if request.several else name
            return stills.repaint(job, title, show.on)

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


def _plan(request: Request, tell: Callable[[str], None]) -> list[StillJob]:
    """Find out what is to be done, and whether it can be written."""
    output, force = request.output, request.force
    if not request.several:
        (photo,) = request.photos
        if output != STREAM:
            check_free(output, force, [photo, request.net])
        return [StillJob(source_of(photo), None if output == STREAM else output)]
    files: list[Path] = []
    for path in dict.fromkeys(request.photos):
        files += list_pictures(path, output) if path.is_dir() else [path]
    jobs, finished = plan_files(files, output, request.file_format, force, [request.net])
    for job in finished:
        tell(f"'{job.output}' is there already; --force replaces it")
    return jobs
