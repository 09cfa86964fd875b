"""Photos that `medley apply` makes pictures or films of, with the network that repaints them."""

from medley.allocation import keep_large_blocks
from medley.cli.apply_request import Maker, Request
from medley.cli.films import closing_line
from medley.cli.progress import Display
from medley.settings import StillFormat
from medley.stills import check_format
from medley.studio.editing.outputs import Outputs, check_output
from medley.studio.net_films import NetFilms
from medley.studio.net_stills import NetStills, load_net
from medley.studio.still_files import Repainted, StillFile, StillJob


def photo_maker(request: Request, show: Display) -> Maker:
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
    path = request.film_path
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
