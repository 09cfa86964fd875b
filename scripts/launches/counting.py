"""Kernel launches and host synchronizations of a shot's steps, counted on tensors without values.

All runs under FakeTensorMode on a device that is not this machine's processor: a tensor of the host
that meets one of the device's is refused as CUDA refuses it, and what must wait for the device is
seen. The stand-in is "meta": autograd has no thread for a CUDA device that is not there. What sends
an iterate's pixels to the encoders is not counted.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch._functorch.config as functorch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from medley.paintings.draws import Painting
from medley.pictures import held_picture
from medley.settings import VGG_LAYERS, ShotSettings
from medley.studio.shooting.model import Model
from medley.studio.shooting.problem import iterate
from medley.studio.shooting.spec import ShotSpec, Start
from medley.tensors import constant
from medley.vgg.layers import convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.weights import Weights

DEVICE = torch.device("meta")

_aten = torch.ops.aten
_READS = (_aten._local_scalar_dense.default, _aten.item.default)
_SIZED_BY_VALUES = ("nonzero", "masked_select", "unique", "_unique2", "repeat_interleave")
_CHECKED = ("_linalg_eigh", "_linalg_svd", "linalg_cholesky_ex", "linalg_lu_factor_ex")
"""Decompositions whose success the host asks the device for."""
_NO_LAUNCH = (
    "empty",
    "new_empty",
    "empty_like",
    "empty_strided",
    "new_empty_strided",
    "lift_fresh",
)


@dataclass
class Counts(TorchDispatchMode):
    """What was asked of the device, by the operation's name.

    Attributes:
        launches: operations that compute or copy on it: each is one kernel, or a few.
        waits: operations at which the host stands still until the device has caught up.
    """

    launches: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Make the mode that is entered."""
        super().__init__()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Count one operation, and let it happen to the shapes."""
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        here = [one.device for one in _tensors((args, kwargs))]
        if func in _READS:
            self._wait(name, *here)
            return 1.0
        if name == "index" and any(one.dtype == torch.bool for one in _tensors(args[1:])):
            self._wait(name, *here)
            return args[0].new_empty(args[0].numel())  # at the most
        found = func(*args, **kwargs)
        there = {one.device for one in _tensors(found)} | set(here)
        if DEVICE not in there or func.namespace != "aten":
            return found
        crosses = name in ("_to_copy", "copy_") and len(there) > 1
        if (crosses and not kwargs.get("non_blocking")) or name in _SIZED_BY_VALUES + _CHECKED:
            self.waits[name] += 1
        if name not in _NO_LAUNCH and not func.is_view and "detach" not in name:
            self.launches[name] += 1
        return found

    def read(self, tensor: FakeTensor) -> Any:
        """Read a whole tensor at once; it has ones in it."""
        self._wait("tolist", tensor.device)
        return np.ones(tensor.shape).tolist()

    def _wait(self, name: str, *devices: torch.device) -> None:
        if DEVICE in devices:
            self.waits[name] += 1


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [one for part in value for one in _tensors(part)]
    return [value] if isinstance(value, torch.Tensor) else []


def count_step(
    height: int,
    width: int,
    tile: int | None = None,
    paintings: int = 1,
    after: int = 25,
    **settings: Any,
) -> Counts:
    """Count what one step asks of a device, once the optimizer's history is full.

    Args:
        height: pixels of the photo and of each painting.
        width: pixels of the photo and of each painting.
        tile: side of tiles in pixels; None for none.
        paintings: number of paintings.
        after: number of the step.
        settings: settings of the shot; bfloat16 and one scale unless they say otherwise.
    """
    wishes = {"precision": "bfloat16", "scales": "1", "steps": after + 2} | settings
    chosen = ShotSettings.model_validate(wishes)
    spec = _spec(height, width, paintings, chosen)
    with pretending() as counts:
        steps = iterate(spec, _model(chosen), tile)
        for _ in range(after):
            next(steps)
        counts.launches.clear()
        counts.waits.clear()
        next(steps)
    return counts


@contextmanager
def pretending() -> Iterator[Counts]:
    """Let tensors have no values until the block ends, and count what the device is asked for."""
    constant.cache_clear()
    counts = Counts()
    try:
        with (
            functorch.patch(fake_tensor_allow_meta=True),
            FakeTensorMode(allow_non_fake_inputs=True),
            counts,
            mock.patch.object(FakeTensor, "tolist", lambda tensor: counts.read(tensor)),
        ):
            yield counts
    finally:
        constant.cache_clear()  # or later ones would meet tensors without values


def _spec(height: int, width: int, paintings: int, settings: ShotSettings) -> ShotSpec:
    random = np.random.default_rng(0)
    shape = height, width, 3
    photo, *works = (
        held_picture(Path(f"{at}.png"), random.integers(0, 256, shape, np.uint8))
        for at in range(paintings + 1)
    )
    chosen = tuple(Painting(work.path, work) for work in works)
    return ShotSpec(photo, chosen, Start("content"), settings, "", settings.precision)


def _model(settings: ShotSettings) -> Model:
    def made(precision: Any) -> VGG19:
        weights, channels = {}, 3
        for name in convolutions_for(settings.layers):
            wide = VGG_LAYERS[name].channels
            shape = wide, channels, 3, 3
            weights[name] = torch.zeros(shape, device=DEVICE), torch.zeros(wide, device=DEVICE)
            channels = wide
        return VGG19(weights, settings.layers, settings.pooling, precision, settings.padding)

    network = made(settings.precision)
    weights = Weights.__new__(Weights)  # nobody asks for more than the network has
    return Model(weights, network, lambda: made("float32"), DEVICE, network.precision)
