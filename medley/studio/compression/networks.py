"""The networks that a sweep compares: their widths, schemes, sizes and loading times.

Nothing here imports torch until weights have to be made.
"""

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
    """A variant whose weights have been found, with its size, error and loading time.

    Attributes:
        scheme, bits: scheme and bit width in which the weights are stored.
        label: name in films and tables, such as "4-bit".
        settings: settings of a shot that choose these weights.
        digest: digest of the weights.
        size_bytes: size on disk.
        distortion: relative error of the weights, |difference|^2 / |reference|^2 over all layers;
            NaN before it is measured.
        load_s: seconds from the file to a ready network of all its layers; NaN before it is
            measured.
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
        """Scheme and bit width in which it is stored."""
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
        sweep: widths and schemes that are asked for.
        with_float: True if the float original is here.

    Raises:
        WeightsError: the float original is not here, and something asked for is made from it.
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
    """The variant that the others are measured against: the float original, else 8 bits."""
    return FLOAT if with_float else Variant(_BUNDLED, _WIDEST)


def name_networks(
    variants: Sequence[Variant],
    settings: ShotSettings,
    folder: Path,
    listener: Callable[[Event], None],
) -> list[Network]:
    """Find each variant's weights, and make its file if there is none; nothing is measured.

    Args:
        variants: variants in any order; weights that do not ship are made from the float original.
        settings: settings of the shots; their weights do not matter.
        folder: folder for the files that are made.
        listener: takes "stage" events while weights are computed.

    Raises:
        WeightsError: weights are missing or damaged.
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
    """Make the files that are missing or damaged."""
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
