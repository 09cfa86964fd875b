"""The medley: one content through many paintings, shot by shot, and the film of it all."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medley.files import write_bytes, write_json
from medley.film.encode import FilmFacts
from medley.images import Pixels, read_picture
from medley.paintings import Draw
from medley.settings import CatalogSettings, FilmSettings, ShotSettings
from medley.studio.credits import caption_of, choose_captions, credit_lines, list_credits
from medley.studio.cut import Outputs, cut_medley, hang_poster
from medley.studio.shoot import Camera, Progress, resize_content, set_scene, shot_key
from medley.studio.sidecar import (
    describe_content,
    describe_film,
    describe_machine,
    describe_painting,
    describe_run,
)
from medley.studio.takes import Take, take_shots
from medley.workspace import Workspace


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


def plan_render(
    content_path: Path,
    drawn: Draw,
    settings: ShotSettings,
    catalog: CatalogSettings,
    camera: Camera,
    workspace: Workspace,
) -> Plan:
    """Resize every picture, and find out which shots lie finished in the workspace.

    Raises:
        PictureError: the content or the starting picture is unreadable, or one is too narrow.
    """
    content = resize_content(read_picture(content_path), settings, content_path)
    takes = []
    for painting in drawn.paintings:
        scene = set_scene(content, [painting], settings, catalog.seed)
        key = shot_key(scene, camera.weights.digest)
        takes.append(Take(content_path, painting, painting.title, scene, workspace.shot(key)))
    return Plan(content_path, content, takes, drawn.skipped, settings, catalog, camera, workspace)


def take_all(plan: Plan, watch: Callable[[Progress], None]) -> None:
    """Take every shot of the plan that is not finished, in order.

    Raises:
        DivergedError: a loss is no longer finite; the shots before it stay.
        OutputError: the workspace cannot be written to.
    """
    take_shots(plan.takes, lambda _: plan.camera, plan.workspace, "painting", watch)


def cut_film(
    plan: Plan, outputs: Outputs, film: FilmSettings, on_frame: Callable[[int, int], None]
) -> FilmFacts:
    """Cut the plan's finished shots into a film, and write its poster, credits and sidecar.

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
    facts = cut_medley(plan.content, shots, words, film, outputs.film, on_frame)
    works = [
        (take.scene.paintings[0], take.shot, credit_lines(take.painting)) for take in plan.takes
    ]
    hang_poster(plan.content, plan.content_path.stem, works, outputs.poster)
    write_bytes(outputs.credits, list_credits(paintings).encode(errors="replace"))
    write_json(outputs.sidecar, _sidecar(plan, film, facts))
    return facts


def _sidecar(plan: Plan, film: FilmSettings, facts: FilmFacts) -> dict[str, Any]:
    return {
        **describe_run("render"),
        "content": describe_content(plan.takes[0]),
        "settings": {
            **plan.settings.model_dump(mode="json"),
            **plan.catalog.model_dump(mode="json"),
            **film.model_dump(mode="json"),
        },
        "weights": plan.camera.weights.digest,
        "paintings": [
            {
                **describe_painting(take.painting),
                "shot": take.shot.key,
                **take.shot.done(),
            }
            for take in plan.takes
        ],
        "skipped": plan.skipped,
        "film": describe_film(facts),
        **describe_machine(plan.camera.device),
    }
