"""The house plan holds: a module imports only from floors below its own, and `cli` alone prints."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "medley"
FLOORS = {
    "__init__": 4,
    "__main__": 4,
    "api": 4,
    "allocation": 0,
    "color": 0,
    "errors": 0,
    "files": 0,
    "media": 0,
    "settings": 0,
    "shots": 1,
    "catalogs": 1,
    "housekeeping": 1,
    "images": 1,
    "listing": 1,
    "paintings": 1,
    "stills": 1,
    "vgg": 1,
    "workspace": 1,
    "transfer": 2,
    "film": 2,
    "studio.compression": 3,
    "studio.shooting": 3.1,
    "studio.editing": 3.2,
    "studio.engines": 3.2,
    "studio": 3.3,
    "studio.batches": 3.4,
    "cli": 4,
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def floor_of(dotted: str) -> int:
    parts = dotted.split(".")
    if len(parts) == 1:
        return 0
    return FLOORS.get(".".join(parts[1:3]), FLOORS[parts[1]])


def imports_of(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "medley":
            found += [f"medley.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return [name for name in found if name.split(".")[0] == "medley"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_module_imports_nothing_from_above_its_floor(path):
    own = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    higher = [name for name in imports_of(path) if floor_of(name) > floor_of(own)]
    assert higher == []


def test_every_folder_and_module_has_a_floor():
    top = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert top == {name for name in FLOORS if "." not in name}


def test_film_and_catalogs_answer_without_torch():
    modules = ["medley", "medley.film.mix", "medley.film.encode", "medley.paintings"]
    code = (
        f"import sys, {', '.join(modules)}, medley.housekeeping; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_batch_is_planned_without_torch(tmp_path, make_picture):
    make_picture("photo.png")
    make_picture("styles/one.png", seed=2)
    (tmp_path / "films.toml").write_text(
        '[defaults]\nstyles = "styles"\nsize = 48\nsteps = 2\nprecision = "float32"\n'
        'content = "photo.png"\n[[film]]\nbits = [8, 2]\ninit = "noise"\n'
        '[[film]]\nkind = "sweep"\nbits = "8,1"\n'
    )
    code = """
import sys
from pathlib import Path
from medley.settings import EngineSettings
from medley.settings.manifest import read_manifest
from medley.studio.batches.schedule import foretell_batch, plan_batch, planning_crew
crew = planning_crew(EngineSettings(devices="cpu"))
plan = plan_batch(read_manifest(Path("films.toml")), crew[0], False, lambda _: None)
foretell_batch(list(plan.jobs.values()), 0, crew, None, print)
assert not plan.failed and len(plan.films) == 3
sys.exit(not {"torch", "scipy.stats", "skimage.metrics", "ray"}.isdisjoint(sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0


def test_files_and_functions_stay_small():
    long = []
    for path in MODULES:
        text = path.read_text("utf-8")
        if text.count("\n") > 350:
            long.append(path.name)
        long += [
            f"{path.name}:{node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
        ]
    assert long == []
