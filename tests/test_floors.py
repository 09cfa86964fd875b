"""The house plan holds: a module imports only from floors below its own, and `cli` alone prints."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from medley.cli import cli

PACKAGE = Path(__file__).parent.parent / "medley"
FLOORS = [
    {
        "allocation",
        "color",
        "errors",
        "events",
        "files",
        "moments",
        "shipped",
        "shipped_nets",
        "shipped_weights",
    },
    {"media"},
    {"settings"},
    {"clip_frames", "decoders", "images", "kinds", "pictures", "stills", "tensors", "tiffs"},
    {"film", "paintings", "vgg", "workspace"},
    {"transfer"},
    {"stylenet"},
    {"studio"},
    {"api", "keywords", "networks"},
    {"cli", "__init__", "__main__"},
]
"""What stands on each floor, from the ground up, as CONTRIBUTING.md explains it."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(dotted: str) -> str:
    """The folder that a module lies in, or the module itself beside the folders."""
    return dotted.split(".")[1]


def floor_of(dotted: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room_of(dotted) in rooms)


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


def is_below(name: str, own: str) -> bool:
    """Whether a module may import another: from below, from its own folder, or from its floor."""
    if name == "medley":  # the version alone
        return True
    if floor_of(name) != floor_of(own):
        return floor_of(name) < floor_of(own)
    is_loose = (PACKAGE / f"{room_of(own)}.py").exists()  # such modules share the package's folder
    return room_of(name) == room_of(own) or is_loose


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_module_imports_only_from_floors_below_or_from_its_own_folder(path):
    own = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    assert [name for name in imports_of(path) if not is_below(name, own)] == []


def test_every_folder_and_module_has_one_floor():
    top = sorted(path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES)
    assert sorted(set(top)) == sorted(room for rooms in FLOORS for room in rooms)


DOORS = {
    ("__init__.py", "medley"): "the Python interface, which brings torch",
    ("__main__.py", "medley.cli"): "Ctrl-C is answered even while it is imported",
    ("film/flow.py", "cv2"): "OpenCV, which few have",
    ("film/flow.py", "skimage.registration"): "only where OpenCV is not, and it brings scipy",
    ("film/fonts.py", "matplotlib.font_manager"): "only for letters that no font at hand has",
    ("kinds.py", "PIL"): "where a file's beginning does not tell; --help needs no pictures",
    ("studio/compression/networks.py", "medley.studio.compression.quantizing"): "torch",
    ("studio/cut.py", "medley.studio.sweep"): "torch, charts, scipy and scikit-image",
    ("studio/engines/choice.py", "medley.studio.engines.ray_engine"): "ray, which few have",
    ("studio/engines/inline.py", "medley.studio.engines.worker"): "torch",
    ("studio/engines/worker_main.py", "medley.studio.engines.worker"): "torch",
    ("studio/exporting.py", "medley.stylenet"): "onnx and onnxruntime, which few have",
    ("studio/forecast.py", "medley.studio.shooting.benchmark"): "torch",
    ("studio/net_clips.py", "medley.film.steady"): "OpenCV, which few have",
    ("studio/net_opening.py", "medley.stylenet.onnx_net"): "onnxruntime, which few have",
    ("studio/preview.py", "medley.studio.net_shot"): "torch",
    ("tiffs.py", "tifffile"): "only for a TIFF that Pillow cannot read",
    ("vgg/sources.py", "h5py"): "only for a Keras file",
    ("vgg/sources.py", "medley.vgg.torchvision_weights"): "torch and torchvision",
}
"""All imports inside functions below `cli`, and what waits behind each until it is needed."""


def late_imports(path: Path) -> list[tuple[ast.FunctionDef, ast.Import | ast.ImportFrom]]:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    return [
        (function, node)
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]


def test_modules_below_the_command_line_import_at_their_top_but_for_a_few_doors():
    found = set()
    for path in MODULES:
        name = path.relative_to(PACKAGE).as_posix()
        for _, node in late_imports(path):
            first = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            if not name.startswith("cli/"):
                found.add((name, first))
    assert found == set(DOORS)


def test_only_the_body_of_a_command_imports_late_and_only_once():
    for path in (PACKAGE / "cli").glob("*.py"):
        functions = [function for function, _ in late_imports(path)]
        decorators = [[ast.unparse(each) for each in one.decorator_list] for one in functions]
        commands = [any(".command(" in each for each in written) for written in decorators]
        assert all(commands), path
        assert len({function.name for function in functions}) == len(functions), path
        assert "TYPE_CHECKING" not in path.read_text("utf-8"), path


def own_options(command):
    """The options of a command and of those below it, such as "--output"."""
    flags = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            flags |= own_options(command.get_command(context, name))
    return {flag for flag in flags if flag.startswith("--")}


def texts_in(path: Path) -> list[str]:
    """The texts in a module, without its docstrings."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in told]
    return [node.value for node in texts if isinstance(node.value, str)]


def test_nothing_below_the_command_line_names_one_of_its_options():
    options = own_options(cli)
    assert {"--output", "--no-loop", "--original"} <= options
    for path in MODULES:
        if PACKAGE / "cli" not in path.parents:
            named = {flag for text in texts_in(path) for flag in re.findall(r"--[a-z-]+", text)}
            assert not named & options, path


def test_film_and_catalogs_answer_without_torch():
    rooms = ["film.mix", "film.encode", "paintings.draws", "workspace.maintenance", "studio.cut"]
    modules = ", ".join(f"medley.{room}" for room in rooms)
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
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
from medley.studio.engines.choice import planning_devices
from medley.studio.forecast import prepare
devices = planning_devices(EngineSettings(devices="cpu"))
orders = [film.order for film in read_manifest(Path("films.toml")).films]
sources = [str(number) for number in range(len(orders))]
plan = prepare(orders, devices, sources=sources, unattended=True, patience="none").plan
assert not plan.failed and len(plan.films) == 3
sys.exit(not {"torch", "scipy.stats", "skimage.metrics", "ray"}.isdisjoint(sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
