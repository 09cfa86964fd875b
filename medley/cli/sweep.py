"""`medley sweep`: one shot at many bit widths, as a film, a picture and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.options import TakesSeveral, exclusive, read_settings, settings_options
from medley.settings import CatalogSettings, FilmSettings, RunSettings, ShotSettings, SweepSettings

if TYPE_CHECKING:  # torch comes with them
    from medley.images import Pixels
    from medley.paintings import Draw
    from medley.studio.measure import Measure, Spread
    from medley.studio.sweep import Sweep

_PATH = click.Path(path_type=Path)
_SHOT_OPTIONS = tuple(name for name in ShotSettings.model_fields if name not in ("bits", "weights"))
_FILM_OPTIONS = tuple(name for name in FilmSettings.model_fields if name != "captions")


@click.command(cls=TakesSeveral)
@click.option(
    "--content", "contents", required=True, type=_PATH, multiple=True,
    help="The photo to be repainted; repeatable.",
)  # fmt: skip
@click.option(
    "--style",
    "--styles",
    "styles",
    required=True,
    type=_PATH,
    multiple=True,
    metavar="DIR_OR_FILES...",
    help="Paintings, or folders of them; repeatable, or several at once.",
)
@settings_options(SweepSettings)
@click.option("--fetch", is_flag=True, help="Fetch the float original (74 MB) if it is not here.")
@settings_options(CatalogSettings)
@settings_options(ShotSettings, *_SHOT_OPTIONS)
@settings_options(FilmSettings, *_FILM_OPTIONS)
@settings_options(RunSettings)
@click.option(
    "-o",
    "--output",
    type=_PATH,
    help="The film, ending in .mp4.  [default: outputs/CONTENT-sweep.mp4]",
)
@click.option("--force", is_flag=True, help="Replace a film of that name.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
def sweep(
    contents: tuple[Path, ...],
    styles: tuple[Path, ...],
    output: Path | None,
    fetch: bool,
    force: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Repaint a photo with the network at many bit widths, and show and measure the difference.

    \b
    medley sweep --content photo.jpg --style painting.jpg --bits 32,8-1
    medley sweep --content a.jpg --content b.jpg --styles paintings/ --sample 3

    The film shows all widths side by side, always at the same step; several photos and paintings
    follow one another in it, every photo with every painting. --layout split takes the first and
    the last of the widths. Beside it lie a sheet of the final pictures, a chart, and the measures
    as .csv and .json: each loss is scored by the float network, whose own result is what the
    others are compared with; it is computed even if --bits leaves 32 out. Without the float
    original 8 bits stand in for it.

    Shots are those of `medley render`: the same command again takes none twice.
    """
    exclusive("size", "pixels")
    shot = read_settings(ShotSettings, {name: options[name] for name in _SHOT_OPTIONS})
    chosen = read_settings(SweepSettings, options)
    catalog = read_settings(CatalogSettings, options)
    film = read_settings(FilmSettings, options)
    run = read_settings(RunSettings, options)
    output = output or Path("outputs", f"{contents[0].stem}-sweep.mp4")
    if output.suffix.lower() != ".mp4":
        raise click.UsageError(f"--output '{output}' must end in .mp4")
    _sweep(
        list(dict.fromkeys(contents)), list(styles), output,
        shot, chosen, catalog, film, run, fetch, force, quiet,
    )  # fmt: skip


def _sweep(
    contents: list[Path],
    places: list[Path],
    output: Path,
    shot: ShotSettings,
    chosen: SweepSettings,
    catalog: CatalogSettings,
    film: FilmSettings,
    run: RunSettings,
    fetch: bool,
    force: bool,
    quiet: bool,
) -> None:
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import notes, warn
    from medley.cli.progress import display
    from medley.studio.cut import Outputs, check_film
    from medley.studio.device import choose_devices
    from medley.studio.sweep import measure_sweep, plan_sweep, publish, shoot_sweep
    from medley.studio.takes import missing
    from medley.vgg import sources
    from medley.workspace import Workspace

    console = notes(quiet)
    outputs = Outputs(output, measured=True)
    outputs.check(force, contents)
    check_film(1, film)
    devices = choose_devices(run.device)
    photos = [_look_through(path, places, shot, catalog) for path in contents]
    drawn = photos[0][2]
    outputs.check(force, [painting.path for painting in drawn.paintings])
    for reason in dict.fromkeys(reason for *_, of in photos for reason in of.skipped):
        warn(console, f"passed over: {reason}")
    if fetch:
        with console.status("fetching the float original ..."):
            sources.fetch()
    with display(console) as show:
        plan = plan_sweep(
            photos, shot, catalog, chosen, devices, run.tile, Workspace(run.workspace), show.stage
        )
        if plan.reference.scheme != "float32":
            warn(console, f"the float original is not here, so {plan.reference.label} weights"
                 " stand in as the reference; pass --fetch to have it")  # fmt: skip
        show.line(_opening(plan, len(missing(plan.takes))))
        if catalog.sample:
            show.line("drawn: " + "; ".join(work.title for work in drawn.paintings))
        check_film(plan.stretches, film)
        shoot_sweep(plan, show.shot, partial(warn, console))
        measures = measure_sweep(plan, lambda done, of: show.count("scoring", done, of))
        facts = publish(plan, measures, outputs, film, show.frame)
        show.line(
            f"{facts.frame_count} frames, {float(facts.frame_count / facts.fps):.1f} s;"
            f" sheet '{outputs.poster}', chart '{outputs.chart}', measures '{outputs.table}'"
            f" and '{outputs.sidecar}', credits '{outputs.credits}'"
        )
    if not quiet:
        _show_measures(plan, measures)
    click.echo(output)


def _look_through(
    path: Path, places: list[Path], shot: ShotSettings, catalog: CatalogSettings
) -> tuple[Path, Pixels, Draw]:
    """A photo at its size, and the paintings fitted to it."""
    from medley.images import read_picture
    from medley.paintings import draw
    from medley.studio.scene import fit_painting, resize_content

    pixels = resize_content(read_picture(path), shot, path)
    return path, pixels, draw(places, catalog, partial(fit_painting, pixels))


def _opening(plan: Sweep, left: int) -> str:
    shots = len(plan.takes)
    photos = len({take.content_path for take in plan.takes})
    height, width, _ = plan.takes[0].scene.content.shape
    what = [
        _count(len(plan.networks), "network"),
        _count(photos, "photo"),
        _count(len(plan.draw.paintings), "painting"),
        f"{width}x{height} pixels",
        f"{plan.settings.steps} steps each",
        f"on {','.join(map(str, plan.devices))}",
    ]
    return f"{', '.join(what)}; {shots - left} of {shots} shots found finished"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _show_measures(plan: Sweep, measures: Sequence[Measure]) -> None:
    from medley.cli.console import show_table
    from medley.studio.measure import TOLERANCE, recommend, summarize

    summary = summarize(measures)
    chosen = recommend(summary)
    columns = ["weights", "MB", "distortion", "load s", "loss", "own loss", "ratio", "SSIM"]
    rows = []
    for network, of in summary.items():
        quantities = [
            f"{of['loss'].median:,.0f}",
            f"{of['own_loss'].median:,.0f}",
            _spread(of["ratio"], ".3f"),
            _spread(of["ssim"], ".3f"),
            "" if of["psnr"].median == math.inf else f"{of['psnr'].median:.1f}",
            f"{of['change'].median:.4f}",
        ]
        costs = [f"{network.size_bytes / 1e6:.2f}", f"{network.distortion:.1e}"]
        rows.append([network.label, *costs, f"{network.load_s:.3f}", *quantities])
    show_table([*columns, "PSNR dB", "change"], rows)
    reference = plan.reference.label
    if len(plan.pairs) > 1:
        click.echo(f"medians (least to most) of {len(plan.pairs)} pairs")
    click.echo(f"losses are scored at {reference}, whose own result the others are compared with")
    ratio = summary[chosen]["ratio"].median
    if chosen == plan.reference:
        click.echo(f"recommended: {reference}; nothing smaller is within {TOLERANCE - 1:.0%} of it")
    else:
        click.echo(
            f"recommended: {chosen.label}, {chosen.size_bytes / 1e6:.2f} MB: {ratio:.3f} times the"
            f" loss of {reference}, the smallest within {TOLERANCE - 1:.0%}"
        )


def _spread(of: Spread, form: str) -> str:
    """A median, and the range if there is one."""
    median = format(of.median, form)
    if of.least == of.most:
        return median
    return f"{median} ({of.least:{form}} to {of.most:{form}})"
