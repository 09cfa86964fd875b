"""A model: VGG-19 with the weights that a shot asks for, on a device, in a precision."""

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from medley.allocation import CUBLAS_REPEATABLE, CUBLAS_WORKSPACE
from medley.errors import MedleyError, Setting, WeightsError
from medley.settings import ShotSettings
from medley.studio.shooting.devices import choose_precision
from medley.studio.shooting.resources import refusal
from medley.transfer.feature_cache import NO_CACHE, FeatureCache
from medley.vgg.layers import Precision, convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.weights import Weights, load_weights

# Settings that `load_model` reads; shots that agree in them share a model.
_READ = ("bits", "weights", "pooling", "padding", "style_layers", "content_layers", "precision")


@dataclass(frozen=True)
class Model:
    """A network on a device, in a precision, with a cache of features.

    Attributes:
        weights: weights of the network; without tensors, if it computes in 16 bits on a CPU.
        network: network on the device, computing in `precision`.
        make_exact: function that gives the same network in float32.
        device: device of both networks.
        precision: precision of the convolutions, never "auto".
        features: cached features of earlier shots' pictures.
    """

    weights: Weights
    network: VGG19
    make_exact: Callable[[], VGG19]
    device: torch.device
    precision: Precision
    features: FeatureCache = NO_CACHE

    @property
    def exact(self) -> VGG19:
        """The network in float32, for final pictures, and for shots where 16 bits overflow.

        Raises:
            WeightsError: the weights had to be read again, and are missing or have changed.
        """
        return self.make_exact()

    @property
    def is_half(self) -> bool:
        """Whether `network` and `exact` differ."""
        return self.precision != "float32"


def load_model(settings: ShotSettings, device: str) -> Model:
    """Load the weights that the settings ask for and put a network on the device.

    Args:
        settings: settings that name weights, layers, pooling, padding and precision.
        device: name of the device, such as "cuda:1".

    Raises:
        MedleyError: the device does not have the precision.
        ResourceError: the device has no memory left for the network, or is another process's alone.
        WeightsError: the weights are missing or damaged.
    """
    precision = choose_precision(settings.precision, device)
    where = torch.device(device)

    def make(weights: Weights, precision: Precision) -> VGG19:
        made = VGG19(
            weights.tensors,
            settings.layers,
            settings.pooling,
            precision,
            settings.padding,
            weights.fed,
        )
        try:
            made = made.to(where).eval()
            # As cuDNN computes; it would turn the features before and after each layer.
            is_turned = where.type not in ("cpu", "mps")
            return made.to(memory_format=torch.channels_last) if is_turned else made
        except RuntimeError as error:
            if refused := refusal(error, device):
                raise refused from error
            raise

    weights = _load(settings)
    network = make(weights, precision)
    if precision == "float32":
        return Model(weights, network, lambda: network, where, precision)
    if precision == "tf32":  # shares the weights, which are float32
        weights = replace(weights, tensors=network.weights())
    if where.type != "cpu":  # memory suffices, and reading weights takes as long as a small shot
        exact = make(weights, "float32")
        return Model(weights, network, lambda: exact, where, precision)
    digest, weights = weights.digest, replace(weights, tensors={})
    make_exact = _MadeOnDemand(lambda: make(_load(settings, digest), "float32"))
    return Model(weights, network, make_exact, where, precision)


def network_settings(settings: ShotSettings) -> ShotSettings:
    """The settings that `load_model` reads, and all others at their defaults.

    They are equal for shots that can be taken with one model.
    """
    return ShotSettings(**{name: getattr(settings, name) for name in _READ})


def _load(settings: ShotSettings, digest: str | None = None) -> Weights:
    """Load the weights that a shot's settings name, and check their digest if one is given."""
    weights = load_weights(settings.source, layers=convolutions_for(settings.layers))
    if digest not in (None, weights.digest):
        raise WeightsError(
            f"'{settings.weights}' holds other weights than when this shot was begun; put the old"
            " ones back, or begin anew with these"
        )
    return weights


class _MadeOnDemand:
    """A network that is made when it is asked for, and freed once nothing refers to it.

    A network in float32 takes 52 MB, a tenth of the memory of a small shot besides torch, and is
    needed for one evaluation at a shot's end; reading it again takes 0.1 s.
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
    """Let torch use only deterministic algorithms until the block ends.

    Raises:
        MedleyError: an operation in the block has no deterministic algorithm on its device.
    """
    if not wanted:
        yield
        return
    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(CUBLAS_WORKSPACE)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False  # it would choose whatever was quickest this time
    os.environ[CUBLAS_WORKSPACE] = CUBLAS_REPEATABLE
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        if CUBLAS_WORKSPACE in str(error):
            raise MedleyError(
                f"cuBLAS was in use before; set {CUBLAS_WORKSPACE}={CUBLAS_REPEATABLE} in the"
                " environment, or leave out ",
                Setting("deterministic", True),
            ) from error
        what = str(error).split(" does not", 1)[0]
        raise MedleyError(
            f"{what} has no deterministic form on this device; leave out ",
            Setting("deterministic", True),
        ) from error
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=lenient)
        torch.backends.cudnn.benchmark = benchmark
        if workspace is None:
            del os.environ[CUBLAS_WORKSPACE]
        else:
            os.environ[CUBLAS_WORKSPACE] = workspace
