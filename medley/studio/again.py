"""The plan of a film that is there without its sidecar, by the recipe in its file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medley.errors import ConfigError, PictureError, Setting
from medley.settings import SweepOrder
from medley.settings.base import map_paths
from medley.settings.load import check_table, set_values, sidecar_of
from medley.settings.orders import ORDERS
from medley.studio.editing.recipe import find_inputs, read_recipe
from medley.studio.film_spec import FilmSpec
from medley.studio.plan import plan
from medley.workspace.store import Workspace

_IN_NO_SHOT = ("audio", "output")


def plan_again(film: Path, workspace: Workspace) -> FilmSpec:
    """Plan a medley or a walk once more, to know its shots; nothing is taken, cut or written.

    Its files are looked for beside it, and where the workspace's shots had theirs.

    Args:
        film: film, which tells its recipe.
        workspace: workspace that the film is planned with.

    Raises:
        PictureError: there is no recipe in the film, it does not tell of shots, or a file is gone
            without which these cannot be known.
        MedleyError: the film cannot be planned.
    """
    lost = f"'{film}' has no sidecar '{sidecar_of(film)}', and"
    try:
        file = read_recipe(film)
    except ConfigError:
        raise PictureError(
            f"{lost} there is no recipe in it; name its shots or their workspace, another film, or"
            " folders"
        ) from None
    schema = ORDERS.get(file.command or "")
    if schema is None or schema is SweepOrder:
        raise PictureError(
            f"{lost} the recipe of medley {file.command} in it names no shots; name them, or their"
            " workspace"
        )
    table = {name: one for name, one in file.table.items() if name not in _IN_NO_SHOT}
    values = set_values(check_table(schema.fields(), table, file.source))
    try:
        found = find_inputs(values, film, {"workspace": _files_of(workspace, values)})
        order = schema.of(**found, output=film, workspace=workspace.root)
    except ConfigError as error:
        what, *_ = error.faults[0]
        raise PictureError(
            f"{lost} its shots are known by its files alone: {what}; put it there, pass the ",
            Setting("workspace"), " whose shots name it, or name the shots themselves",
        ) from None  # fmt: skip
    except ValidationError:
        raise PictureError(f"{lost} the recipe in it contradicts itself; name its shots") from None
    # The recipe's precision is settled: the device only has to be one that may have it.
    device = "cuda" if order.shot.precision == "tf32" else "cpu"
    return plan([order], [device], writes=False).films[0]


def _files_of(workspace: Workspace, values: Mapping[str, Any]) -> list[Path]:
    """The files of a workspace's shots that are called as those in a recipe."""
    names = set()

    def note(path: Path) -> Path:
        names.add(path.name)
        return path

    map_paths(tuple(values.values()), note)
    told = (shot.files for shot in workspace.shots())
    paths = {Path(file) for photo, paintings in told for file in (photo, *paintings) if file}
    return sorted(path for path in paths if path.name in names and path.is_file())
