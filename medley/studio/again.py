"""The order that makes a finished film again: what was drawn, and nothing left to be found out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import medley
from medley.settings import (
    CutSettings,
    EncodeSettings,
    FilmSettings,
    Order,
    RenderOrder,
    SweepOrder,
    WalkOrder,
)
from medley.settings.load import VERSION, plain_values
from medley.studio.shooting.device import choose_precision
from medley.studio.shooting.scene import settled

if TYPE_CHECKING:  # they write the orders into their sidecars
    from medley.studio.render import Plan
    from medley.studio.sweep import Sweep
    from medley.studio.walk import WalkPlan


def render_again(plan: Plan, film: FilmSettings, path: Path) -> dict[str, Any]:
    """What --config takes to make a medley again: the same shots, on the same timeline."""
    return _table(
        RenderOrder.of(
            content=plan.content_path,
            styles=tuple(dict.fromkeys(work.path for take in plan.takes for work in take.works)),
            output=path,
            seed=plan.catalog.seed,
            workspace=plan.workspace.root,
            **dict(settled(plan.settings, plan.camera)),
            **dict(plan.blending),
            **dict(film),
        )
    )


def sweep_again(sweep: Sweep, film: CutSettings, path: Path) -> dict[str, Any]:
    """What --config takes to make a sweep again: the same networks, shots and timeline."""
    widths = dict.fromkeys(network.bits for network in sweep.shown)
    return _table(
        SweepOrder.of(
            content=tuple(dict.fromkeys(take.content_path for take, *_ in sweep.pairs)),
            styles=tuple(painting.path for painting in sweep.draw.paintings),
            output=path,
            seed=sweep.catalog.seed,
            workspace=sweep.workspace.root,
            **sweep.settings.model_dump(exclude={"bits", "weights", "precision"}),
            **sweep.sweep.model_dump(exclude={"bits"}),
            **dict(film),
            bits=tuple(widths),
            precision=choose_precision(sweep.settings.precision, sweep.device),
        )
    )


def walk_again(plan: WalkPlan, film: EncodeSettings, path: Path) -> dict[str, Any]:
    """What --config takes to make a walk again: the same shots, frame by frame."""
    opening = plan.opening
    return _table(
        WalkOrder.of(
            content=opening.content_path,
            styles=tuple(work.path for work in plan.paintings),
            output=path,
            seed=opening.catalog.seed,
            workspace=opening.workspace.root,
            **dict(settled(opening.settings, opening.camera)),
            **dict(plan.walk),
            **dict(film),
        )
    )


def _table(order: Order) -> dict[str, Any]:
    """An order as a file has it: with absolute paths, and the film beside the sidecar."""
    table = plain_values(order.flat(), order.fields())
    if order.output:
        table["output"] = order.output.name
    return {VERSION: medley.__version__, **table}
