"""Films, shots and sidecars as a medley of the time before left them, in `tests/data/films`.

    render/, render.json     a film of two paintings as pictures, its shots in workspace/
    *.json                   sidecars of other films, whose shots are not kept
    begun/                   shots that were interrupted, one with each optimizer

They were made of `golden.make_inputs` by the commands below. Sidecars hold absolute paths; here
they are relative to the sidecar, so that `--config` finds the inputs wherever the folder lies.

    python -m tests.golden_films

makes them anew, which is meant only for a format that is given up on purpose: what users have on
their disks isn't made anew.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from medley.files import sha256

from .golden import DATA, make_inputs

FILMS = DATA / "films"
TINY = (
    "--content photo.png --size 24 --steps 2 --precision float32 --device cpu --fps 5"
    " --seconds-per-painting 1"
)
SHORT = f"{TINY} --hold 0.2"
PAIR = "--styles styles/one.png styles/two.png"
MASKS = "--mask masks/left.png=styles/one.png --mask rest=styles/two.png"
COMMANDS = {
    "render": f"render {SHORT} {PAIR} --steps 3 -o render",
    "masks": f"render {SHORT} {MASKS} --style-weights 2,1 -o masks.gif",
    "blend": f"render {SHORT} {PAIR} --blend --style-weights 1,3 --init color -o blend.mp4",
    "chain": f"render {SHORT} {PAIR} --transition chain --init start.png -o chain.mp4",
    "drawn": f"render {SHORT} --styles styles --sample 2 --seed 2 --init noise -o drawn.mp4",
    "walk": f"walk {TINY} {PAIR} --steps-per-frame 1 -o walk.mp4",
    "sweep": f"sweep {SHORT} --styles styles/one.png --bits 8,4 -o sweep.mp4",
}
_LONG = f"render {SHORT} --styles styles/one.png --size 20 --steps 30 --keep-every 5 --force"
BEGUN = {
    "adam": f"{_LONG} --optimizer adam --workspace begun -o adam.gif",
    "lbfgs": f"{_LONG} --history 2 --workspace begun -o lbfgs.gif",
}


def start(folder: Path, command: str) -> subprocess.Popen[str]:
    """Begin a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "medley", *command.split()],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
    )


def interrupt(folder: Path, command: str, pattern: str) -> None:
    """Interrupt a command as a key press does, once a file of that pattern is there."""
    known = set(folder.glob(pattern))
    process = start(folder, command)
    while set(folder.glob(pattern)) == known and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    if process.wait() != 130:
        raise RuntimeError(f"'{command}' ended before it was interrupted")


def free_of_paths(folder: Path, files: Sequence[Path]) -> None:
    """Make absolute paths relative, and digests of what was changed right again."""
    for path in files:
        data = path.read_bytes()
        free = data.replace(f"{folder}/".encode(), b"")
        path.write_bytes(free)
        sums = path.with_name("SHA256SUMS")
        if sums.is_file():
            old, new = (sha256(each) for each in (data, free))
            sums.write_text(sums.read_text("utf-8").replace(old, new), "utf-8")


def make_films(folder: Path) -> None:
    """Run all commands, and keep what is to be kept."""
    make_inputs(folder)
    for name, command in COMMANDS.items():
        workspace = "workspace" if name == "render" else "unkept"
        if start(folder, f"{command} --workspace {workspace}").wait():
            raise RuntimeError(f"'{command}' failed")
    for command in BEGUN.values():
        interrupt(folder, command, "begun/shots/*/steps/000010.png")
    free_of_paths(folder, [*folder.glob("*.json"), *folder.glob("*/shots/*/shot.json")])
    shutil.rmtree(FILMS, ignore_errors=True)
    FILMS.mkdir()
    for path in folder.glob("*.json"):
        shutil.copy(path, FILMS)
    for name in ("render", "workspace", "begun"):
        shutil.copytree(
            folder / name, FILMS / name, ignore=shutil.ignore_patterns("*.lock", ".films")
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        make_films(Path(place).resolve())
