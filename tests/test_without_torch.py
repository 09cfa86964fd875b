"""What plans, looks and cuts never imports torch: it takes a second, and the memory of a film."""

import subprocess
import sys

import pytest

from medley.studio.shooting.devices import accelerators

QUICK = ["--size", "32", "--steps", "1", "--precision", "float32"]
CUT = ["--fps", "10", "--seconds-per-painting", "1", "--hold", "0.2"]
ORDER = ["--content", "photo.png", "--styles", "styles", "--workspace", "w", *QUICK]
BATCH = """
[defaults]
content = "photo.png"
styles = "styles"
workspace = "w"
size = 32
steps = 1
precision = "float32"

[[film]]
output = "film.mp4"
"""

_LEAN = """
import sys
from medley.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
heavy = {"torch", "torchvision", "skimage"} & set(sys.modules)
assert not heavy, heavy
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or bool(accelerators()), reason="torch is asked for accelerators"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A photo, a painting and the finished shot of both."""
    from PIL import Image

    from .conftest import draw_pixels

    folder = tmp_path_factory.mktemp("place")
    (folder / "styles").mkdir()
    Image.fromarray(draw_pixels(40, 48, 1)).save(folder / "photo.png")
    Image.fromarray(draw_pixels(40, 48, 2)).save(folder / "styles" / "painting.png")
    (folder / "films.toml").write_text(BATCH)
    command = [sys.executable, "-m", "medley", "render", *ORDER, *CUT, "-o", "made.mp4"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


COMMANDS = {
    "help": ["render", "--help"],
    "plan": ["plan", *ORDER],
    "batch --check": ["batch", "films.toml", "--check"],
    "status": ["status", "w"],
    "styles": ["styles"],
    "styles check": ["styles", "check", "styles"],
    "workspace list": ["workspace", "list", "w"],
    "workspace verify": ["workspace", "verify", "w"],
    "assemble": ["assemble", "w", *CUT, "-o", "assembled.mp4"],
    "render of finished shots": ["render", *ORDER, *CUT, "-o", "again.mp4"],
    "weights list": ["weights", "list"],
    "layers": ["layers"],
    "presets": ["presets"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_that_computes_no_shot_imports_no_torch(place, name):
    command = [sys.executable, "-c", _LEAN, *COMMANDS[name]]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_plan_of_missing_shots_imports_no_torch_once_the_pace_is_known(place):
    other = ["plan", *ORDER, "--style-weight", "2"]
    first = subprocess.run(
        [sys.executable, "-m", "medley", *other], cwd=place, capture_output=True, text=True
    )
    assert "1 to take" in first.stdout, first.stderr
    done = subprocess.run(
        [sys.executable, "-c", _LEAN, *other], cwd=place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
