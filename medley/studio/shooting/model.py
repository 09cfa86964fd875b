"""A model: VGG-19 with the weights that a shot asks for, on a device, in a precision."""

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from medley.errors import MedleyError, Setting, WeightsError
from medley.settings import ShotSettings
from medley.studio.shooting.devices import choose_precision, kind_of_device
from medley.transfer.feature_cache import NO_CACHE, FeatureCache
from medley.vgg.layers import HALVES, Precision, convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.weights import Weights, load_weights

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


@dataclass(frozen=True)
class Model:
    """A network that judges pictures.

    Attributes:
        weights: which the network has; without tensors, where it computes in halves on a CPU.
        network: on the device, computing in `precision`.
        make_exact: gives the same in float32.
        device: where they are.
        precision: what the convolutions compute in, never "auto".
        features: what the network has seen in pictures of earlier shots.
    """

    weights: Weights
    network: VGG19
    make_exact: Callable[[], VGG19]
    device: torch.device
    precision: Precision
    features: FeatureCache = NO_CACHE

    @property
    def exact(self) -> VGG19:
        """The network in float32: it judges final pictures, and takes over where halves fail.

        Raises:
            WeightsError: its weights had to be read again, and are no longer there or others.
        """
        return self.make_exact()

    @property
    def is_half(self) -> bool:
        """Whether `network` and `exact` differ."""
        return self.precision in HALVES


def load_model(settings: ShotSettings, device: str) -> Model:
    """Load the weights that the settings ask for and put a network on the device.

    Args:
        settings: weights, layers, pooling, padding and precision.
        device: such as "cuda:1".

    Raises:
        MedleyError: the device does not have the precision.
        WeightsError: the weights are not there or not whole.
    """
    precision = choose_precision(settings.precision, device)
    where = torch.device(device)
    _set_float32(precision, device)

    def make(tensors: Mapping[str, tuple[Tensor, Tensor]], precision: Precision) -> VGG19:
        made = VGG19(tensors, settings.layers, settings.pooling, precision, settings.padding)
        return made.to(where).eval()

    weights = _load(settings)
    network = make(weights.tensors, precision)
    if precision not in HALVES:
        return Model(weights, network, lambda: network, where, precision)
    if where.type != "cpu":  # there is room, and a small shot takes no longer than reading does
        exact = make(weights.tensors, "float32")
        return Model(weights, network, lambda: exact, where, precision)
    digest, weights = weights.digest, replace(weights, tensors={})
    make_exact = _MadeOnDemand(lambda: make(_load(settings, digest).tensors, "float32"))
    return Model(weights, network, make_exact, where, precision)


def _set_float32(precision: Precision, device: str) -> None:
    if kind_of_device(device) == "cuda":
        # torch shortens float32 in convolutions unless it is told not to.
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"


def _load(settings: ShotSettings, digest: str | None = None) -> Weights:
    """Load the weights that a shot's settings ask for; those of a digest, if one is given."""
    weights = load_weights(settings.source, layers=convolutions_for(settings.layers))
    if digest not in (None, weights.digest):
        raise WeightsError(
            f"'{settings.weights}' holds other weights than when this shot was begun; put the old"
            " ones back, or begin anew with these"
        )
    return weights


class _MadeOnDemand:
    """Something that is made when it is wanted, and gone once nobody has it any more.

    A network in float32 takes 52 MB and is wanted for one judgement at a shot's end; that is a
    tenth of what a small shot takes besides torch, and reading it again takes 0.1 s.
    """

    def __init__(self, make: Callable[[], VGG19]) -> None:
        self._make = make
        self._lent: Callable[[], VGG19 | None] = lambda: None
        self._lock = threading.Lock()

    def __call__(self) -> VGG19:
        with self._lock:
            if (network := self._lent()) is None:
                network = self._make()
                self._lent = weakref.ref(network)
            return network


@contextlib.contextmanager
def computing_deterministically(wanted: bool) -> Iterator[None]:
    """Let torch use only algorithms that always come to the same pixels, until the block ends.

    Raises:
        MedleyError: an operation in the block has none on its device.
    """
    if not wanted:
        yield
        return
    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(_CUBLAS)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False  # it would choose by what was quickest this time
    os.environ[_CUBLAS] = ":4096:8"  # without it cuBLAS shares its memory as it comes
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        what = str(error).split(" does not", 1)[0]
        raise MedleyError(
            f"{what} has no deterministic form on this device; leave out ",
            Setting("deterministic", True),
        ) from error
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=lenient)
        torch.backends.cudnn.benchmark = benchmark
        if workspace is None:
            del os.environ[_CUBLAS]
        else:
            os.environ[_CUBLAS] = workspace
