"""A device under test: shots made in memory for it, and clocks that wait for it."""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from medley.images import Pixels, read_picture
from medley.paintings.draws import Painting
from medley.pictures import held_picture
from medley.settings import ShotSettings
from medley.shipped import shipped_files
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.devices import kind_of_device
from medley.studio.shooting.model import Model, load_model, network_settings
from medley.studio.shooting.problem import iterate
from medley.studio.shooting.spec import ShotSpec
from medley.studio.shot_maker import ShotMaker
from medley.transfer.optimize import Iterate, RunState

T = TypeVar("T")
Row = dict[str, Any]
"""One finding. "ok" is False where it is not as it should be, and "error" says why it failed."""

_SAID = 400  # letters of an error that are kept


@dataclass(frozen=True)
class Bench:
    """What a section is given.

    Attributes:
        device: name of the device, such as "cuda:0".
        tiny: whether everything is so small that it only shows that the section works.
        out: folder of the results.
        scratch: folder for files that nobody needs afterwards.
    """

    device: str
    tiny: bool
    out: Path
    scratch: Path

    @property
    def on_cuda(self) -> bool:
        """Whether the device is one that CUDA's counters and modes are of."""
        return kind_of_device(self.device) == "cuda"

    def pick(self, full: T, tiny: T) -> T:
        """The first, or the second where all is tiny."""
        return tiny if self.tiny else full

    def wait(self) -> None:
        """Wait until the device has done all that it was given."""
        if self.on_cuda:
            torch.cuda.synchronize(self.device)
        elif kind_of_device(self.device) == "mps":
            torch.mps.synchronize()

    def seconds(self, work: Callable[[], object]) -> float:
        """Seconds until the device has done some work."""
        self.wait()
        began = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - began

    def median_s(self, work: Callable[[], object], count: int = 5) -> float:
        """The median of some work's seconds, after one time that does not count."""
        work()
        return float(np.median([self.seconds(work) for _ in range(count)]))

    def forget_peak(self) -> int:
        """Give back what is free, begin to measure the peak anew, and tell the bytes in use."""
        if not self.on_cuda:
            return 0
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        return torch.cuda.memory_reserved(self.device)

    def peak_mb(self) -> Row:
        """The most memory that was taken since, if the device counts it."""
        if not self.on_cuda:
            return {}
        return {"peak_mb": torch.cuda.max_memory_allocated(self.device) / 1e6}


class Taking(NamedTuple):
    """A shot that is to be taken: its spec, the model that can, and the side of its tiles."""

    spec: ShotSpec
    model: Model
    tile: int | None = None

    def iterates(self, state: RunState | None = None) -> Iterator[Iterate]:
        """Take it in memory."""
        return iterate(self.spec, self.model, self.tile, state)

    def results(self, last: int | None = None) -> list[tuple[float, Tensor]]:
        """Loss and picture, on the CPU, of every step, or of those up to `last`."""
        found = []
        with contextlib.closing(self.iterates()) as iterates:  # type: ignore[type-var]
            for one in iterates:
                found.append((one.loss, one.image.detach().cpu()))
                if one.step == last:
                    break
        return found


def pixels_of(side: int, number: int) -> Pixels:
    """A shipped painting as a square."""
    files = list(shipped_files().values())
    return np.asarray(read_picture(files[number % len(files)]).resize((side, side)))


def taking(
    device: str,
    side: int,
    *,
    tile: int | None = None,
    paintings: int = 1,
    blend: Blend | None = None,
    **settings: Any,
) -> Taking:
    """A shot of a square picture, at one size and in float32 unless the settings say otherwise."""
    chosen = ShotSettings(**{"scales": "1", "precision": "float32", **settings})
    model = _model(device, chosen)
    works = [
        Painting(Path(f"painting{at}.png"), held_picture(Path("painting.png"), pixels_of(side, at)))
        for at in range(2, 2 + paintings)
    ]
    maker = ShotMaker(chosen, model.weights.digest, model.precision, 0, lambda _: None)
    spec = maker.make(held_picture(Path("photo.png"), pixels_of(side, 0)), works, blend=blend)
    return Taking(spec, model, tile)


def _model(device: str, settings: ShotSettings) -> Model:
    """A model, loaded anew for a GPU: that is when medley sets what its precision needs."""
    wanted = network_settings(settings)
    return _on_cpu(wanted) if device == "cpu" else load_model(wanted, device)


@cache
def _on_cpu(settings: ShotSettings) -> Model:
    return load_model(settings, "cpu")


def attempt(about: Row, find: Callable[[], Row]) -> Row:
    """A row with what was found, or with the error: the rows after it are looked for anyway."""
    try:
        return about | find()
    except Exception as error:  # whatever a device raises
        said = f"{type(error).__name__}: {error}"[:_SAID]
        return about | {"ok": False, "error": said, "where": traceback.format_exc()[-1500:]}
