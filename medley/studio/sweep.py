"""The sweep: the same shots with the network stored in many ways, side by side and measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.errors import FilmError
from medley.files import json_bytes, part_files
from medley.film.facts import FilmFacts
from medley.images import Pixels, encode_png
from medley.paintings import Draw, Painting
from medley.settings import CatalogSettings, CutSettings, ShotSettings, SweepSettings, TileWish
from medley.studio.again import sweep_again
from medley.studio.compression.networks import (
    Network,
    has_float,
    list_variants,
    load_networks,
    reference_of,
)
from medley.studio.compression.stage import Watch
from medley.studio.editing.credits import list_credits
from medley.studio.editing.cut import Outputs
from medley.studio.editing.measure import (
    TOLERANCE,
    Measure,
    difference,
    noise_ratio,
    recommend,
    score,
    similarity,
    summarize,
)
from medley.studio.editing.panes import Part, cut_panes, hang_sheet
from medley.studio.editing.sidecar import (
    describe_content,
    describe_film,
    describe_machine,
    describe_network,
    describe_painting,
    describe_run,
)
from medley.studio.engines.crew import take_at_once
from medley.studio.shooting.camera import Camera, load_camera
from medley.studio.shooting.device import AnyDevice, choose_precision
from medley.studio.shooting.progress import Progress
from medley.studio.shooting.scene import Scene, fit_tiles, set_scene, shot_key
from medley.studio.shooting.takes import Take, missing
from medley.vgg.layers import Precision
from medley.workspace import Workspace

if TYPE_CHECKING:  # it takes a second to import, and plans do without
    import torch


@dataclass(frozen=True)
class Sweep:
    """A sweep whose inputs have been looked through, and which can begin.

    Attributes:
        networks: all that are measured.
        shown: those of them that the film shows.
        reference: the one that judges the others.
        pairs: each photo and painting's takes, in the order of the networks.
        draw: the paintings.
        settings, catalog, sweep: as asked for.
        devices: where it is computed; several take different shots at once.
        tile: whether in tiles.
        workspace: where the shots go.
    """

    networks: list[Network]
    shown: list[Network]
    reference: Network
    pairs: list[list[Take]]
    draw: Draw
    settings: ShotSettings
    catalog: CatalogSettings
    sweep: SweepSettings
    devices: Sequence[AnyDevice]
    tile: TileWish
    workspace: Workspace

    @property
    def device(self) -> torch.device:
        """Where all is computed that is not a shot."""
        import torch

        return torch.device(str(self.devices[0]))

    @property
    def takes(self) -> list[Take]:
        """Every take, one network's after another's, so that each network is loaded once."""
        return [take for column in zip(*self.pairs, strict=True) for take in column]

    @property
    def stretches(self) -> int:
        """Into how many parts the film falls."""
        return len(self.pairs) * (len(self.shown) if self.sweep.layout == "sequence" else 1)

    def take(self, pair: int, network: Network) -> Take:
        """A pair's take with that network."""
        return self.pairs[pair][self.networks.index(network)]


def plan_sweep(
    contents: Sequence[tuple[Path, Pixels, Draw]],
    settings: ShotSettings,
    catalog: CatalogSettings,
    sweep: SweepSettings,
    devices: Sequence[AnyDevice],
    tile: TileWish,
    workspace: Workspace,
    watch: Watch,
    load: Callable[..., list[Network]] = load_networks,
) -> Sweep:
    """Set all scenes, load every network once, and find out which shots lie finished.

    Args:
        contents: photos, each with its pixels at the size of its shots, and the paintings fitted
            to them.
        settings: of the shots; its weights are the sweep's to choose.
        catalog: the seed is needed here.
        sweep: what is compared.
        devices: where it is computed; several take different shots at once.
        tile: whether in tiles.
        workspace: where the shots go, and weights that are made for the sweep.
        watch: told how far the making of weights is.
        load: as `load_networks`, or what remembers its answers.

    Raises:
        FilmError: a split of a single width.
        PictureError: the starting picture is unreadable or too narrow.
        WeightsError: weights are asked for that cannot be had here.
        OutputError: the workspace cannot be written to.
    """
    with_float = has_float()
    shown = list_variants(sweep, with_float)
    if sweep.layout == "split" and len(shown) < 2:
        raise FilmError(
            f"--layout split needs two widths, and '{shown[0].bits}' is one; add another"
        )
    standard = reference_of(with_float)
    variants = shown if standard in shown else [standard, *shown]
    folder = workspace.root / "weights"
    networks = load(variants, standard, settings, folder, watch)
    by_variant = dict(zip(variants, networks, strict=True))
    precision = choose_precision(settings.precision, devices[0])
    return Sweep(
        networks=networks,
        shown=[by_variant[variant] for variant in shown],
        reference=by_variant[standard],
        pairs=[
            [_take(*pair, network, precision, workspace) for network in networks]
            for pair in _set_scenes(contents, settings, catalog.seed)
        ],
        draw=contents[0][2],
        settings=settings,
        catalog=catalog,
        sweep=sweep,
        devices=devices,
        tile=tile,
        workspace=workspace,
    )


def shoot_sweep(
    sweep: Sweep, watch: Callable[[Progress], None], tell: Callable[[str], None]
) -> None:
    """Take every shot of the sweep that is not finished, one network in memory at a time.

    With several devices each takes the next of them, in a process of its own.

    Args:
        sweep: what is shot.
        watch: called after every step.
        tell: called with what the user should know, in one line.

    Raises:
        WeightsError: weights are no longer there.
        DivergedError: a loss is no longer finite; the shots before it stay.
        OutputError: the workspace cannot be written to.
        RoomError: the memory does not suffice; what was kept is kept.
    """
    crew = sweep.devices[: len(missing(sweep.takes))]

    @lru_cache(maxsize=1)
    def camera_for(settings: ShotSettings) -> Camera:
        return _camera(sweep, settings, crew)

    take_at_once(sweep.takes, crew, camera_for, sweep.workspace, "shot", watch, tell)


def _camera(sweep: Sweep, settings: ShotSettings, crew: Sequence[AnyDevice] = ()) -> Camera:
    largest = max((take.scene.content for take in sweep.takes), key=len)
    camera = load_camera(settings, sweep.device)
    return fit_tiles(camera, largest, settings, sweep.tile, crew)


def measure_sweep(sweep: Sweep, watch: Callable[[int, int], None]) -> list[Measure]:
    """Score every final picture by the reference network, and compare it with the reference's.

    Args:
        sweep: all of its shots are finished.
        watch: called with the number of pictures scored and their total.

    Raises:
        OutputError, PictureError: a shot is torn.
        WeightsError: the reference is no longer there.
    """
    from medley.studio.shooting.shoot import set_objective

    judge = _camera(sweep, sweep.reference.settings)
    measures: list[Measure] = []
    for pair, takes in enumerate(sweep.pairs):
        standard = sweep.take(pair, sweep.reference)
        objective = set_objective(standard.scene, judge)
        best = standard.shot.result()
        best_loss = score(objective, best, sweep.device)
        for network, take in zip(sweep.networks, takes, strict=True):
            result = take.shot.result()
            loss = score(objective, result, sweep.device)
            measures.append(
                Measure(
                    content=take.content_path.stem,
                    painting=take.painting.title,
                    network=network,
                    shot=take.shot.key,
                    loss=loss,
                    own_loss=take.shot.done()["loss"],
                    ratio=loss / best_loss,
                    ssim=similarity(result, best),
                    psnr=noise_ratio(result, best),
                    change=difference(result, best),
                )
            )
            watch(len(measures), len(sweep.pairs) * len(sweep.networks))
    return measures


def publish(
    sweep: Sweep,
    measures: Sequence[Measure],
    outputs: Outputs,
    film: CutSettings,
    on_frame: Callable[[int, int], None],
) -> FilmFacts:
    """Cut the film, with sheet, table, chart, credits and sidecar; all appear when all are whole.

    Args:
        sweep: all of its shots are finished.
        measures: as `measure_sweep` gives them.
        outputs: where the files go.
        film: pace, rate and quality.
        on_frame: called with the number of frames written and their total.

    Raises:
        FilmError: the film cannot be laid out or encoded.
        OutputError: a file cannot be written.
    """
    from medley.studio.editing.report import draw_sweep, list_measures

    sweep.workspace.note_film(outputs.sidecar)
    parts = []
    for pair in range(len(sweep.pairs)):
        takes = [sweep.take(pair, network) for network in sweep.shown]
        labels = [network.label for network in sweep.shown]
        parts.append(Part(takes, labels, sweep.take(pair, sweep.reference)))
    size = len(sweep.networks)
    rows = [measures[start : start + size] for start in range(0, len(measures), size)]
    with part_files(*outputs.all) as (sidecar, credit_list, sheet, table, chart, part):
        facts = cut_panes(parts, sweep.sweep.layout, film, outputs.film, on_frame, part)
        sheet.write_bytes(encode_png(hang_sheet(sweep.pairs, rows), level=6))
        table.write_bytes(list_measures(measures))
        chart.write_bytes(draw_sweep(summarize(measures), sweep.reference, len(sweep.pairs)))
        credit_list.write_bytes(list_credits(sweep.draw.paintings).encode(errors="replace"))
        sidecar.write_bytes(json_bytes(_sidecar(sweep, measures, film, facts)))
    return facts


def _set_scenes(
    contents: Sequence[tuple[Path, Pixels, Draw]], settings: ShotSettings, seed: int
) -> list[tuple[Path, Painting, str, Scene]]:
    """Every photo with every painting: the pictures, and what tells the pair from the others."""
    scenes = []
    for path, content, drawn in contents:
        for painting in drawn.paintings:
            words = [path.stem] if len(contents) > 1 else []
            words += [painting.title] if len(drawn.paintings) > 1 else []
            scene = set_scene(content, [painting], settings, seed)
            scenes.append((path, painting, ", ".join(words), scene))
    return scenes


def _take(
    path: Path,
    painting: Painting,
    pair: str,
    scene: Scene,
    network: Network,
    precision: Precision,
    workspace: Workspace,
) -> Take:
    scene = replace(scene, settings=network.settings)
    title = ", ".join(part for part in (network.label, pair) if part)
    shot = workspace.shot(shot_key(scene, network.digest, precision))
    return Take(path, painting, title, scene, shot)


def _sidecar(
    sweep: Sweep, measures: Sequence[Measure], film: CutSettings, facts: FilmFacts
) -> dict[str, Any]:
    summary = summarize(measures)
    chosen = recommend(summary)
    contents = {take.content_path: describe_content(take) for take, *_ in sweep.pairs}
    return {
        **describe_run("sweep"),
        "order": sweep_again(sweep, film, facts.path),
        "contents": list(contents.values()),
        "paintings": [describe_painting(painting) for painting in sweep.draw.paintings],
        "settings": {
            **sweep.settings.model_dump(mode="json", exclude={"bits", "weights"}),
            **sweep.catalog.model_dump(mode="json"),
            **film.model_dump(mode="json", exclude={"captions"}),
            **sweep.sweep.model_dump(mode="json"),
        },
        "reference": sweep.reference.label,
        "networks": [describe_network(network) for network in sweep.networks],
        "measures": [{**_finite(asdict(one)), "network": one.network.label} for one in measures],
        "summary": {
            network.label: {name: _finite(asdict(spread)) for name, spread in of.items()}
            for network, of in summary.items()
        },
        "recommended": {
            "network": chosen.label,
            "ratio": summary[chosen]["ratio"].median,
            "tolerance": TOLERANCE,
        },
        "skipped": sweep.draw.skipped,
        "film": describe_film(facts),
        **describe_machine(sweep.devices),
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, but null for what JSON has no number for."""
    return {name: None if value == math.inf else value for name, value in values.items()}
