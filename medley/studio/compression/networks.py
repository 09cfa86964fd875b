"""The networks that a sweep compares: at which widths, in which schemes, and what each costs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import medley
from medley.errors import Setting, WeightsError
from medley.events import Event
from medley.settings import ShotSettings, SweepSettings
from medley.vgg import sources, weightfile
from medley.vgg.identity import identify_weights

FLOAT_BITS = 32
_BUNDLED = "kmeans"  # the scheme of the file that ships, from which every width comes
_WIDEST = 8


@dataclass(frozen=True)
class Variant:
    """One way to store the network."""

    scheme: str
    bits: int


FLOAT = Variant("float32", FLOAT_BITS)


@dataclass(frozen=True)
class Network:
    """A variant with its weights at hand, and what they cost.

    Attributes:
        scheme, bits: how the weights are stored.
        label: for films and tables: "4-bit".
        settings: of a shot, choosing these weights.
        digest: of the weights.
        size_bytes: on disk.
        distortion: of the weights: |difference|^2 / |reference|^2 over all layers, once measured.
        load_s: seconds from the file to a ready network of all its layers, likewise.
    """

    scheme: str
    bits: int
    label: str
    settings: ShotSettings
    digest: str
    size_bytes: int
    distortion: float = math.nan
    load_s: float = math.nan

    @property
    def variant(self) -> Variant:
        """The way in which it is stored."""
        return Variant(self.scheme, self.bits)

    def choosing(self, settings: ShotSettings) -> Self:
        """Give the same network, chosen by other shots' settings."""
        chosen = {"bits": self.settings.bits, "weights": self.settings.weights}
        return replace(self, settings=settings.model_copy(update=chosen))


def has_float() -> bool:
    """Whether the float original has been fetched."""
    return sources.cache_path("original").is_file()


def list_variants(sweep: SweepSettings, with_float: bool) -> list[Variant]:
    """The variants that a sweep asks for, in its order: every width in one scheme, then the next.

    Args:
        sweep: its widths and schemes.
        with_float: whether the float original is here.

    Raises:
        WeightsError: it is not, and something asked for is made from it.
    """
    narrow = tuple(range(_WIDEST, 0, -1))
    widths = sweep.bits or ((FLOAT_BITS, *narrow) if with_float else narrow)
    wanted = [
        FLOAT if bits == FLOAT_BITS else Variant(scheme, bits)
        for scheme in sweep.scheme
        for bits in widths
    ]
    needing = [one for one in wanted if one == FLOAT or one.scheme != _BUNDLED]
    if needing and not with_float:
        what = "32 bits" if needing[0] == FLOAT else f"'{needing[0].scheme}'"
        raise WeightsError(
            f"{what} needs the float original '{sources.cache_path('original')}', which is not"
            " there; pass ",
            Setting("fetch", True),
            " (74 MB, once), or sweep ",
            Setting("bits", "8-1"),
            " in ",
            Setting("scheme", "kmeans"),
        )
    return list(dict.fromkeys(wanted))


def reference_of(with_float: bool) -> Variant:
    """By which the others are judged: the float original, or 8 bits in its stead."""
    return FLOAT if with_float else Variant(_BUNDLED, _WIDEST)


def name_networks(
    variants: Sequence[Variant],
    settings: ShotSettings,
    folder: Path,
    listener: Callable[[Event], None],
) -> list[Network]:
    """Find each variant's weights, making its file if it has none; what they cost is not measured.

    Args:
        variants: in any order; weights that do not ship are made from the float original.
        settings: of the shots, but for the weights.
        folder: keeps the files that are made.
        listener: told how far a computation is.

    Raises:
        WeightsError: weights are not there or not whole.
        OutputError: a file cannot be written.
    """
    several = len({one.scheme for one in variants if one != FLOAT}) > 1
    own = [one for one in variants if one.scheme not in (_BUNDLED, FLOAT.scheme)]
    files = {one: _path_of(one, folder) for one in own}
    _make_missing(files, listener)
    networks = []
    for variant in variants:
        chosen = {"bits": variant.bits, "weights": files.get(variant)}
        shot = settings.model_copy(update=chosen)
        found = identify_weights(shot.source)
        label = _label(variant, several)
        networks.append(
            Network(variant.scheme, variant.bits, label, shot, found.digest, found.size_bytes)
        )
    return networks


def _path_of(variant: Variant, folder: Path) -> Path:
    # The same medley makes the same file; another one may know a better way.
    return folder / f"vgg19-{variant.bits}bit-{variant.scheme}-{medley.__version__}.safetensors"


def _make_missing(files: Mapping[Variant, Path], listener: Callable[[Event], None]) -> None:
    """Make the files that are not there and whole."""
    if not files:
        return
    original = sources.cached("original")
    digest = weightfile.read_header(original).origin.sha256
    missing = {one: path for one, path in files.items() if not _is_whole(path, digest)}
    if missing:
        # torch takes a second to import: only what computes weights brings it.
        from medley.studio.compression.quantizing import make_variants

        wanted = {path: (one.scheme, one.bits) for one, path in missing.items()}
        make_variants(original, wanted, listener)


def _label(variant: Variant, several: bool) -> str:
    if variant == FLOAT:
        return "32-bit float"
    named = several or variant.scheme != _BUNDLED
    return f"{variant.bits}-bit {variant.scheme}" if named else f"{variant.bits}-bit"


def _is_whole(path: Path, origin: str) -> bool:
    """Whether a file was made from that original and is as it was written."""
    try:
        header, _, content = weightfile.read(path)
        weightfile.check_digest(header, content)
    except WeightsError:
        return False
    return header.origin.sha256 == origin
