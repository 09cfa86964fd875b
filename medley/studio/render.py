"""The medley: one content through many paintings, shot by shot, and the film of it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.files import in_full, part_files
from medley.film.compose import mix
from medley.film.facts import FilmFacts
from medley.film.poster import side_by_side
from medley.images import Pixels
from medley.paintings import Draw
from medley.settings import BlendSettings, CatalogSettings, FilmSettings, ShotSettings, TileWish
from medley.settings.run import BatchWish
from medley.shots import Shot
from medley.studio.again import render_again
from medley.studio.editing.credits import caption_of, choose_captions, credit_lines, titles
from medley.studio.editing.cut import Outputs, cut_medley, stretch_of
from medley.studio.editing.sidecar import (
    describe_content,
    describe_film,
    describe_machine,
    describe_painting,
    describe_run,
    lay_beside,
)
from medley.studio.engines.crew import take_at_once
from medley.studio.shooting.blend import hang_together, read_blend
from medley.studio.shooting.camera import Camera
from medley.studio.shooting.passes import shots_a_pass
from medley.studio.shooting.progress import Progress
from medley.studio.shooting.scene import Scene, fit_tiles, set_scene, shot_key
from medley.studio.shooting.takes import Take, missing
from medley.transfer.seen import NOTHING, Seen
from medley.workspace import Workspace

if TYPE_CHECKING:  # it takes a second to import, and plans do without
    import torch
_ALONE = BlendSettings()


@dataclass(frozen=True)
class Plan:
    """A render whose inputs have been looked through, and which can begin."""

    content_path: Path
    content: Pixels
    takes: list[Take]
    skipped: list[str]
    settings: ShotSettings
    catalog: CatalogSettings
    camera: Camera
    workspace: Workspace
    devices: Sequence[torch.device]
    blending: BlendSettings = _ALONE
    batch_size: BatchWish = 1

    @property
    def at_once(self) -> int:
        """How many processes take shots at once."""
        return min(len(self.devices), len(missing(self.takes)))

    @property
    def a_pass(self) -> int:
        """How many of them pass the network together on each device."""
        is_chain = any(isinstance(take.scene.start, Shot) for take in self.takes)
        if is_chain or self.camera.tile or not self.at_once:
            return 1
        height, width, _ = self.content.shape
        crew = self.devices[: self.at_once]
        return shots_a_pass(self.batch_size, height, width, crew, len(missing(self.takes)))


def plan_render(
    content_path: Path,
    content: Pixels,
    drawn: Draw,
    settings: ShotSettings,
    catalog: CatalogSettings,
    camera: Camera,
    workspace: Workspace,
    tile: TileWish = "auto",
    devices: Sequence[torch.device] = (),
    chain: bool = False,
    blending: BlendSettings = _ALONE,
    tell: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Set the scene of every shot, and find out which lie finished in the workspace.

    Args:
        content_path: the photo's file.
        content: its pixels at the size of the shots.
        drawn: the paintings.
        settings: of every shot.
        catalog: the seed is needed here.
        camera: on the first of the devices, or the only one.
        workspace: where the iterates go.
        tile: whether in tiles.
        devices: each takes other shots at once, if there are several.
        chain: let each shot go on from the one before, which only the first of the devices can do.
        blending: whether and how the paintings share one shot.
        tell: told what the user should know, a line each.

    Raises:
        PictureError: the starting picture is unreadable or too narrow, or masks or weights do not
            fit.
        RoomError: a shot is still to be taken and the memory does not suffice, even in tiles.
    """
    key_of = partial(shot_key, weights_digest=camera.weights.digest, precision=camera.precision)
    takes = list_takes(
        content_path, content, drawn, settings, catalog, key_of, workspace, chain, blending, tell
    )
    devices = devices or [camera.device]
    if chain:
        devices = devices[:1]
    if left := len(missing(takes)):
        camera = fit_tiles(camera, content, settings, tile, devices[:left])
        camera = replace(camera, seen=Seen() if left > 1 else NOTHING)
    return Plan(
        content_path, content, takes, drawn.skipped, settings, catalog, camera, workspace, devices,
        blending,
    )  # fmt: skip


def list_takes(
    content_path: Path,
    content: Pixels,
    drawn: Draw,
    settings: ShotSettings,
    catalog: CatalogSettings,
    key_of: Callable[[Scene], str],
    workspace: Workspace,
    chain: bool = False,
    blending: BlendSettings = _ALONE,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Take]:
    """Set the scene of every shot of a render.

    Args:
        content_path, content, drawn, settings, catalog, workspace: as `plan_render`.
        key_of: gives a scene's shot key.
        chain, blending, tell: as `plan_render`.

    Raises:
        PictureError: the starting picture is unreadable or too narrow, or masks or weights do not
            fit.
    """
    groups = [[painting] for painting in drawn.paintings]
    if blending.is_one_shot:
        groups = [hang_together(blending, drawn)]
    takes: list[Take] = []
    for first, *others in groups:
        works = first, *others
        after = takes[-1].shot if chain and takes else None
        blend = read_blend(blending, len(works), content, tell)
        scene = set_scene(content, works, settings, catalog.seed, after, blend)
        shot = workspace.shot(key_of(scene))
        takes.append(Take(content_path, first, titles(works), scene, shot, tuple(others)))
    return takes


def take_all(plan: Plan, watch: Callable[[Progress], None], tell: Callable[[str], None]) -> None:
    """Take every shot of the plan that is not finished, in order.

    With several devices each takes the next of them, in a process of its own. On each device
    several of them may pass the network together.

    Args:
        plan: what is shot.
        watch: called after every step.
        tell: called with what the user should know, in one line.

    Raises:
        DivergedError: a loss is no longer finite; the shots before it stay.
        OutputError: the workspace cannot be written to.
        RoomError: the memory does not suffice; what was kept is kept.
    """
    from medley.studio.shooting.batched import take_batched

    common = plan.workspace, "painting", watch, tell, plan.a_pass
    if plan.a_pass > 1 and plan.at_once == 1:
        take_batched(plan.takes, plan.camera, *common)
    else:
        take_at_once(plan.takes, plan.devices, lambda _: plan.camera, *common)


def cut_film(
    plan: Plan, outputs: Outputs, film: FilmSettings, on_frame: Callable[[int, int], None]
) -> FilmFacts:
    """Cut the plan's finished shots into a film, with its poster, credits and sidecar.

    All of them appear when the last of them is whole.

    Args:
        plan: all of its shots are finished.
        outputs: where the files go.
        film: pace, rate and quality.
        on_frame: called with the number of frames written and their total.

    Raises:
        FilmError: the film cannot be laid out or encoded.
        OutputError: a file cannot be written.
    """
    plan.workspace.note_film(outputs.sidecar)
    paintings = [work for take in plan.takes for work in take.works]
    film = film.model_copy(update={"captions": choose_captions(paintings, film)})
    stretches = [
        stretch_of(
            take.shot, caption_of(take.works, number, film), side_by_side(take.scene.paintings)
        )
        for number, take in enumerate(plan.takes, start=1)
    ]
    with part_files(*outputs.all) as (*beside, part):
        facts = cut_medley([plan.content], stretches, film, outputs.film, on_frame, part)
        works = [
            (
                one.painting,
                mix(plan.content, one.read(one.track.steps[-1]), film.strength),
                credit_lines(*take.works),
            )
            for one, take in zip(stretches, plan.takes, strict=True)
        ]
        content = plan.content, plan.content_path.stem
        lay_beside(beside, _sidecar(plan, film, facts), paintings, content, works)
    return facts


def _sidecar(plan: Plan, film: FilmSettings, facts: FilmFacts) -> dict[str, Any]:
    return {
        **describe_run("render"),
        "order": render_again(plan, film, facts.path),
        "content": describe_content(plan.takes[0]),
        "settings": {
            **plan.settings.model_dump(mode="json"),
            **plan.catalog.model_dump(mode="json"),
            **plan.blending.model_dump(mode="json"),
            **film.model_dump(mode="json"),
        },
        "workspace": in_full(plan.workspace.root),
        "weights": plan.camera.weights.digest,
        "paintings": [
            {
                **describe_painting(work),
                "shot": take.shot.key,
                **take.shot.done(),
            }
            for take in plan.takes
            for work in take.works
        ],
        "skipped": plan.skipped,
        "film": describe_film(facts),
        **describe_machine(plan.devices),
    }
