"""The doors by which files of each kind come into medley, and a process that goes through them."""

import os
import random
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from fuzzing import samples
from fuzzing.damage import damaged
from fuzzing.samples import Samples
from medley.decoders import size_in
from medley.errors import MedleyError
from medley.film.clips import open_clip
from medley.images import read_layers
from medley.kinds import may_be_picture
from medley.media.sound import check_sound
from medley.paintings.catalogs import read_catalog
from medley.settings import RenderOrder
from medley.settings.load import read_file, read_table
from medley.settings.manifest import read_manifest
from medley.studio.net_opening import open_net
from medley.vgg import schemes, weightfile
from medley.vgg.identity import identity_of
from medley.vgg.states import convolutions_in

READY, READ, REFUSED = "ready", "read", "refused"
"""What a process answers before it reads a file, and after."""

_MEMORY = 8 * 2**30  # bytes that a process may ask for; what asks for more is refused


def _picture(path: Path) -> None:
    may_be_picture(path.rename(path.with_suffix("")))
    path.with_suffix("").rename(path)
    with suppress(MedleyError):
        size_in(path)
    read_layers(path)


def _weights(path: Path) -> None:
    if path.name.startswith("net"):
        open_net(path, ["cpu"])
        return
    with suppress(MedleyError):  # most are no state dict
        convolutions_in(path)
    header, layers, content = weightfile.read(path)
    weightfile.check_digest(header, content)
    for layer in layers.values():
        schemes.decode(layer)
    identity_of(header, layers, None)


def _sound(path: Path) -> None:
    check_sound(path, "aac")


def _clip(path: Path) -> None:
    with suppress(MedleyError):
        read_layers(path.with_name(f"{path.name}@0.5s"))
    for _ in open_clip(path).frames((24, 32)):
        pass


def _table(path: Path) -> None:
    table = path.rename(path.with_name("catalog.csv"))
    for entry in read_catalog([table.parent]).entries:
        _ = entry.year


def _settings(path: Path) -> None:
    path.with_name("photo.jpg").touch()
    if path.name.startswith("films"):
        read_manifest(path)
    else:
        file = read_file(path)
        read_table(RenderOrder, file.table, file.source, kind_of=lambda _: "cpu")


class Door(NamedTuple):
    """Whole files of a kind, what reads such a file, and how many of a hundred are of this kind."""

    samples: Callable[[], Samples]
    read: Callable[[Path], None]
    share: int


DOORS = {
    "pictures": Door(samples.pictures, _picture, 69),
    "weights": Door(samples.weights, _weights, 10),
    "tables": Door(samples.tables, _table, 9),
    "settings": Door(samples.settings, _settings, 9),
    "sounds": Door(samples.sounds, _sound, 2),  # each starts a program
    "clips": Door(samples.clips, _clip, 1),  # each starts several
}


def go_through(read: Callable[[Path], None], path: Path) -> str:
    """Read a file: "read" or "refused", or else the traceback."""
    try:
        read(path)
    except MedleyError as error:
        words = str(error)
        return REFUSED if words.strip() and "\n" not in words else f"no clear line: {words!r}"
    except Exception:
        return traceback.format_exc()
    return READ


def serve(pipe: Connection, folder: str, seed: int) -> None:
    """Answer numbers and kinds with what comes of the file of that number, until told to end."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)  # libtiff has its say on every file
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    known: dict[str, Samples] = {}
    while asked := pipe.recv():
        kind, number = asked
        if kind not in known:
            known[kind] = DOORS[kind].samples()
        path = make(known[kind], Path(folder), seed, number)
        pipe.send(READY)  # to make the first of a kind takes longer than any file may
        pipe.send(go_through(DOORS[kind].read, path))


def make(whole: Samples, folder: Path, seed: int, number: int) -> Path:
    """Write the damaged file of a number, alone in a folder."""
    chance = random.Random(f"{seed}:{number}")  # noqa: S311
    name = chance.choice(sorted(whole))
    for old in folder.iterdir():
        old.unlink()
    path = folder / name
    path.write_bytes(damaged(whole[name], chance))
    return path
