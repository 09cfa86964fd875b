"""`medley render`: from a photo and paintings to a film."""

from pathlib import Path
from typing import Any

import click

from medley.cli.options import exclusive, read_settings, settings_options
from medley.settings import CatalogSettings, FilmSettings, RunSettings, ShotSettings

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--content", required=True, type=_PATH, help="The photo to be repainted.")
@click.option(
    "--styles",
    required=True,
    type=_PATH,
    multiple=True,
    metavar="DIR_OR_FILES...",
    help="Folders of paintings, or paintings; repeatable, or several at once.",
)
@click.argument("more_styles", nargs=-1, type=_PATH, metavar="")
@settings_options(CatalogSettings)
@settings_options(ShotSettings)
@settings_options(FilmSettings)
@settings_options(RunSettings)
@click.option(
    "-o",
    "--output",
    type=_PATH,
    help="The film, ending in .mp4.  [default: outputs/CONTENT-medley.mp4]",
)
@click.option("--force", is_flag=True, help="Replace a film of that name.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
def render(
    content: Path,
    styles: tuple[Path, ...],
    more_styles: tuple[Path, ...],
    output: Path | None,
    force: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Repaint a photo after each painting in turn, and cut every step of it into one film.

    \b
    medley render --content photo.jpg --styles styles/ --sample 3 --size 512

    All iterates stay in the workspace: the same command again takes no shot twice and goes
    straight to the film, and one that was interrupted goes on with the first unfinished shot.
    """
    exclusive("size", "pixels")
    exclusive("weights", "bits")
    shot = read_settings(ShotSettings, options)
    catalog = read_settings(CatalogSettings, options)
    film = read_settings(FilmSettings, options)
    run = read_settings(RunSettings, options)
    output = output or Path("outputs", f"{content.stem}-medley.mp4")
    if output.suffix.lower() != ".mp4":
        raise click.UsageError(f"--output '{output}' must end in .mp4")
    _render(content, [*styles, *more_styles], output, shot, catalog, film, run, force, quiet)


def _render(
    content: Path,
    places: list[Path],
    output: Path,
    shot: ShotSettings,
    catalog: CatalogSettings,
    film: FilmSettings,
    run: RunSettings,
    force: bool,
    quiet: bool,
) -> None:
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import notes, warn
    from medley.cli.progress import display
    from medley.paintings import draw
    from medley.studio.cut import Outputs, check_film
    from medley.studio.device import choose_device
    from medley.studio.render import cut_film, plan_render, take_all
    from medley.studio.shoot import load_camera
    from medley.studio.takes import missing
    from medley.workspace import Workspace

    console = notes(quiet)
    outputs = Outputs(output)
    outputs.check(force, [content])
    check_film(1, film)
    device = choose_device(run.device)
    drawn = draw(places, catalog)
    outputs.check(force, [painting.path for painting in drawn.paintings])
    check_film(len(drawn.paintings), film)
    for reason in drawn.skipped:
        warn(console, f"passed over: {reason}")
    if drawn.catalog and drawn.catalog.absent:
        warn(console, f"{len(drawn.catalog.absent):,} rows of the catalog have no file here")
    camera = load_camera(shot, device)
    plan = plan_render(content, drawn, shot, catalog, camera, Workspace(run.workspace))
    height, width, _ = plan.content.shape
    found = len(plan.takes) - len(missing(plan.takes))
    with display(console) as show:
        show.line(
            f"{len(plan.takes)} paintings, {width}x{height} pixels, {shot.steps} steps each,"
            f" {camera.weights.label} weights, on {device}; {found} shots found finished"
        )
        if catalog.sample:
            show.line("drawn: " + "; ".join(work.title for work in drawn.paintings))
        take_all(plan, show.shot)
        facts = cut_film(plan, outputs, film, show.frame)
        show.line(
            f"{facts.frame_count} frames, {float(facts.frame_count / facts.fps):.1f} s;"
            f" poster '{outputs.poster}', sidecar '{outputs.sidecar}',"
            f" credits '{outputs.credits}'"
        )
    click.echo(output)
