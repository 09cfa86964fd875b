"""The medley: one content through many paintings, shot by shot, and the film of it all."""

import datetime
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import PIL
import torch

import medley
from medley.errors import DivergedError
from medley.files import json_bytes, part_files
from medley.film.encode import FilmFacts
from medley.images import Pixels, encode_png
from medley.paintings import Draw, Painting
from medley.settings import CatalogSettings, FilmSettings, ShotSettings, TileWish
from medley.studio import checkpoint
from medley.studio.credits import caption_of, choose_captions, credit_lines, list_credits
from medley.studio.cut import Outputs, cut_medley, hang_poster
from medley.studio.shoot import (
    Camera,
    Progress,
    Scene,
    fit_tiles,
    set_scene,
    shoot,
    shot_key,
)
from medley.transfer.optimize import Iterate
from medley.workspace import Shot, Workspace


@dataclass(frozen=True)
class Take:
    """A painting's part in a render: what is shot for it, and where that lies."""

    painting: Painting
    scene: Scene
    shot: Shot


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

    @property
    def missing(self) -> list[Take]:
        """The takes whose shots are still to be taken."""
        return [take for take in self.takes if not take.shot.is_finished]

    @property
    def begun(self) -> list[Take]:
        """Those of them that were interrupted, and are gone on with."""
        return [take for take in self.missing if checkpoint.saved_step(take.shot.state_path)]


def plan_render(
    content_path: Path,
    content: Pixels,
    drawn: Draw,
    settings: ShotSettings,
    catalog: CatalogSettings,
    camera: Camera,
    workspace: Workspace,
    tile: TileWish = "auto",
) -> Plan:
    """Set the scene of every shot, and find out which lie finished in the workspace.

    Raises:
        PictureError: the starting picture is unreadable or too narrow.
        RoomError: a shot is still to be taken and the memory does not suffice, even in tiles.
    """
    takes = []
    for painting in drawn.paintings:
        scene = set_scene(content, [painting], settings, catalog.seed)
        key = shot_key(scene, camera.weights.digest, camera.precision)
        takes.append(Take(painting, scene, workspace.shot(key)))
    if not all(take.shot.is_finished for take in takes):
        camera = fit_tiles(camera, content, settings, tile)
    return Plan(content_path, content, takes, drawn.skipped, settings, catalog, camera, workspace)


def take_shots(plan: Plan, watch: Callable[[Progress], None], tell: Callable[[str], None]) -> None:
    """Take every shot of the plan that is not finished, in order.

    Args:
        plan: what is shot.
        watch: called after every step.
        tell: called with what the user should know, in one line.

    Raises:
        DivergedError: a loss is no longer finite; the shots before it stay.
        OutputError: the workspace cannot be written to.
        RoomError: the memory does not suffice; what was kept is kept.
    """
    left = [_steps_left(take, plan.settings.steps) for take in plan.takes]
    for number, take in enumerate(plan.takes, start=1):
        if take.shot.is_finished:
            take.shot.drop_state()  # where a run was killed just before it did
            continue
        files = {
            "content_file": str(plan.content_path),
            "painting_files": [str(take.painting.path)],
        }
        report = partial(_report, watch, plan, number, sum(left[number:]))
        about = partial(_tell_of, take, tell)
        try:
            shoot(take.scene, plan.camera, plan.workspace, files, report, about)
        except DivergedError as error:
            raise DivergedError(f"'{take.painting.path}': {error}") from error


def _steps_left(take: Take, steps: int) -> int:
    if take.shot.is_finished:
        return 0
    # The saved step is the first that has not been taken.
    return min(steps, steps + 1 - checkpoint.saved_step(take.shot.state_path))


def _tell_of(take: Take, tell: Callable[[str], None], text: str) -> None:
    tell(f"'{take.painting.path}': {text}")


def _report(
    watch: Callable[[Progress], None], plan: Plan, number: int, later: int, iterate: Iterate
) -> None:
    title = plan.takes[number - 1].painting.title
    steps = plan.settings.steps
    steps_left = later + steps - iterate.step
    watch(Progress(number, len(plan.takes), title, iterate, steps, steps_left))


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
    shots = [take.shot for take in plan.takes]
    paintings = [take.painting for take in plan.takes]
    film = film.model_copy(update={"captions": choose_captions(paintings, film)})
    words = [caption_of(painting, at, film) for at, painting in enumerate(paintings, start=1)]
    works = [
        (take.scene.paintings[0], take.shot, credit_lines(take.painting)) for take in plan.takes
    ]
    with part_files(*outputs.all) as (sidecar, credit_list, poster, part):
        facts = cut_medley(plan.content, shots, words, film, outputs.film, on_frame, part)
        wall = hang_poster(plan.content, plan.content_path.stem, works)
        poster.write_bytes(encode_png(wall, level=6))
        credit_list.write_bytes(list_credits(paintings).encode(errors="replace"))
        sidecar.write_bytes(json_bytes(_sidecar(plan, film, facts)))
    return facts


def _sidecar(plan: Plan, film: FilmSettings, facts: FilmFacts) -> dict[str, Any]:
    height, width, _ = plan.content.shape
    return {
        "command": "render",
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "content": {"file": str(plan.content_path), "height": height, "width": width},
        "settings": {
            **plan.settings.model_dump(mode="json"),
            **plan.catalog.model_dump(mode="json"),
            **film.model_dump(mode="json"),
        },
        "weights": plan.camera.weights.digest,
        "paintings": [
            {
                "title": take.painting.title,
                "catalog": _known(take.painting),
                "file": str(take.painting.path),
                "shot": take.shot.key,
                **take.shot.done(),
            }
            for take in plan.takes
        ],
        "skipped": plan.skipped,
        "film": {
            "file": facts.path.name,
            "frames": facts.frame_count,
            "fps": str(facts.fps),
            "height": facts.height,
            "width": facts.width,
        },
        "device": str(plan.camera.device),
        "versions": {
            "medley": medley.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "pillow": PIL.__version__,
        },
    }


def _known(painting: Painting) -> dict[str, str]:
    """What the catalog says of a painting besides its title, as far as it says anything."""
    facts = asdict(painting.entry) if painting.entry else {}
    return {name: facts[name] for name in ("artist", "genre", "style", "date") if facts.get(name)}
