"""Making of weights files: in one scheme and width, with a width for each layer, or to a size."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch

from medley.errors import WeightsError
from medley.events import Event, stage
from medley.paintings.draws import shipped
from medley.studio.compression.allocate import choose_widths, measure_sensitivity
from medley.studio.compression.compare import FeatureComparison, Tensors, read_pictures
from medley.vgg import quantize, schemes, weightfile
from medley.vgg.codebook import Codebook
from medley.vgg.schemes import CALIBRATED, FLOAT_BITS, EncodedLayer
from medley.vgg.sources import load_originals

WIDTHS = tuple(range(1, 9))
CALIBRATION_PIXELS = 256 * 256
_COMPARED = 3  # pictures whose features are compared with one layer quantized; each takes minutes


def compared_widths(scheme: str) -> tuple[int, ...]:
    """The widths at which a comparison tries a scheme; calibrating takes minutes, so only three."""
    if scheme in FLOAT_BITS:
        return (FLOAT_BITS[scheme],)
    return (2, 3, 4) if scheme == CALIBRATED else WIDTHS


class Quantizer:
    """Holds one float network and makes files of it; codebooks are computed once."""

    def __init__(
        self, original: Path, pictures: list[Path], listener: Callable[[Event], None]
    ) -> None:
        """Read the network.

        Args:
            original: file of float weights.
            pictures: files of the pictures for calibration and comparison.
            listener: takes a "stage" event after each part of a computation.

        Raises:
            WeightsError: the file is damaged, or not float.
        """
        if weightfile.read_header(original).scheme not in FLOAT_BITS:
            raise WeightsError(f"'{original}' is quantized already; quantize the float original")
        self.originals, self.origin = load_originals(original)
        self._paths = pictures
        self._listener = listener
        self._codebooks: dict[str, dict[int, Codebook]] = {}

    def widths(
        self, scheme: str, bits: int, layers: Mapping[str, int], target_bytes: int | None
    ) -> dict[str, int]:
        """Give every layer a width: the scheme's own, `bits`, or what fits a size.

        Args:
            scheme: scheme of the file; float schemes have one width.
            bits: width of the layers that `layers` does not name.
            layers: widths of single layers, by name.
            target_bytes: most bytes of a "kmeans" file whose widths are chosen; None for `bits`.
        Raises:
            WeightsError: even 1 bit a weight is too much for the target.
            PictureError: a picture is unreadable.
        """
        if scheme in FLOAT_BITS:
            return dict.fromkeys(self.originals, FLOAT_BITS[scheme])
        if target_bytes is not None:
            return self.fit(target_bytes)
        return dict.fromkeys(self.originals, bits) | dict(layers)

    def write(self, path: Path, scheme: str, widths: Mapping[str, int]) -> None:
        """Encode the network and write the file.

        Raises:
            OutputError: the file cannot be written.
            PictureError: a picture for calibration is unreadable.
        """
        weightfile.write(path, self.encode(scheme, widths), scheme, self.origin)

    def encode(
        self, scheme: str, bits: Mapping[str, int], paths: Sequence[Path] | None = None
    ) -> dict[str, EncodedLayer]:
        """Encode the network; a calibrated scheme uses all pictures, or those in `paths`.

        Raises:
            ValueError: the scheme does not have these bits.
            PictureError: a picture for calibration is unreadable.
        """
        count = self._counter(f"{scheme}", len(self.originals))
        if scheme == CALIBRATED:
            pictures = read_pictures(paths or self._paths, CALIBRATION_PIXELS)
            return quantize.quantize_calibrated(self.originals, bits, pictures, count)
        return quantize.quantize(self.originals, bits, scheme, count)

    def fit(self, target_bytes: int) -> dict[str, int]:
        """Choose each layer's width so that a "kmeans" file has at most `target_bytes`.

        Raises:
            WeightsError: even 1 bit a weight does not fit.
            PictureError: a picture is unreadable.
        """
        counts = {name: weight.size for name, (weight, _) in self.originals.items()}
        # A target that cannot be met is refused before minutes are spent on it.
        choose_widths({name: dict.fromkeys(WIDTHS, 0.0) for name in counts}, counts, target_bytes)
        comparison = FeatureComparison(self.tensors(), read_pictures(self._paths[:_COMPARED]))
        tried = self._counter("trying widths", len(counts) * len(WIDTHS))
        sensitivity = measure_sensitivity(
            self.originals,
            self.codebooks(),
            comparison,
            lambda name, bits: tried(f"{name} {bits}"),
        )
        return choose_widths(sensitivity, counts, target_bytes)

    def codebooks(self) -> dict[str, dict[int, Codebook]]:
        """All layers' optimal codebooks at all widths."""
        if not self._codebooks:
            weights = {name: weight for name, (weight, _) in self.originals.items()}
            widths = dict.fromkeys(weights, WIDTHS)
            count = self._counter("codebooks", len(weights))
            self._codebooks = quantize.network_codebooks(weights, widths, count)
        return self._codebooks

    def candidates(self) -> Iterator[Path]:
        """Make a file for each scheme and width in turn, each in the place of the one before."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "candidate.safetensors")
            for scheme in schemes.SCHEMES[:-1]:  # all but float32, the reference itself
                for bits in compared_widths(scheme):
                    weightfile.write(path, self._candidate(scheme, bits), scheme, self.origin)
                    yield path

    def comparison(self) -> FeatureComparison:
        """A comparison on every second picture: `candidates` calibrates on the others.

        Raises:
            PictureError: a picture is unreadable.
        """
        return FeatureComparison(self.tensors(), read_pictures(self._paths[1::2] or self._paths))

    def tensors(self) -> Tensors:
        """The float network as tensors."""
        return {
            name: (torch.from_numpy(weight), torch.from_numpy(bias))
            for name, (weight, bias) in self.originals.items()
        }

    def _candidate(self, scheme: str, bits: int) -> dict[str, EncodedLayer]:
        if scheme == "kmeans":
            books = self.codebooks()
            return {
                name: schemes.quantize_layer(weight, bias, scheme, bits, books[name][bits])
                for name, (weight, bias) in self.originals.items()
            }
        return self.encode(scheme, dict.fromkeys(self.originals, bits), self._paths[::2])

    def _counter(self, what: str, total: int) -> Callable[[str], None]:
        done = 0

        def count(name: str) -> None:
            nonlocal done
            done += 1
            self._listener(stage(f"{what} {name}", done, total))

        return count


def make_variants(
    original: Path, wanted: Mapping[Path, tuple[str, int]], listener: Callable[[Event], None]
) -> None:
    """Make weights files of the float original, calibrated on the paintings that ship.

    Args:
        original: file of float weights, read once for all of them.
        wanted: scheme and bits of each file that is to be made.
        listener: takes a "stage" event after each part of a computation.

    Raises:
        OutputError: a file cannot be written.
        WeightsError: the original is damaged.
    """
    quantizer = Quantizer(original, shipped(), listener)
    for path, (scheme, bits) in wanted.items():
        quantizer.write(path, scheme, dict.fromkeys(quantizer.originals, bits))
