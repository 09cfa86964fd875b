"""Making of weights files: in one scheme and width, with a width for each layer, or to a size.

What is computed is kept in the cache layer by layer, so that an interrupted command goes on from
there. Codebooks and what layers alone do to features stay, for any file of that network can use
them; the rest goes once the file is whole that it was computed for.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as nnf
from torch import Tensor

from medley.errors import Setting, WeightsError
from medley.events import Event, stage
from medley.files import sha256
from medley.paintings.draws import shipped
from medley.settings.shot import LOSS_LAYERS
from medley.studio.compression.allocate import (
    LONGEST,
    Sensitivity,
    Trial,
    choose_widths,
    file_bytes,
    header_bytes,
    try_widths,
)
from medley.studio.compression.compare import (
    Candidate,
    FeatureComparison,
    Tensors,
    measure,
    read_pictures,
)
from medley.studio.compression.kept import Kept
from medley.vgg import entropy, quantize, schemes, weightfile
from medley.vgg.calibrate import Calibrated
from medley.vgg.codebook import WIDTHS, Codebook
from medley.vgg.entropy import Coded
from medley.vgg.layers import convolutions_for
from medley.vgg.schemes import CALIBRATED, ENTROPY, FLOAT_BITS, EncodedLayer
from medley.vgg.sources import Originals, load_originals

CALIBRATION_PIXELS = 256 * 256
ROWS = "measures"
"""What is kept of a comparison: a row for each scheme and width, not for each layer."""

_FEW = 8  # pictures; with fewer, the deepest layers have more inputs than there are places
_ALIKE = 0.02  # of all brightness, the most by which pictures of 16x16 pixels differ
_COMPARED = 3  # pictures whose features are compared with one layer quantized


def compared_widths(scheme: str) -> tuple[int, ...]:
    """The widths at which a comparison tries a scheme; calibrating takes minutes, so only three."""
    if scheme in FLOAT_BITS:
        return (FLOAT_BITS[scheme],)
    return (2, 3, 4) if scheme == CALIBRATED else tuple(WIDTHS)


class Quantizer:
    """Holds one float network and makes files of it; nothing is computed twice."""

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
        header = weightfile.read_header(original)
        if header.scheme not in FLOAT_BITS:
            raise WeightsError(f"'{original}' is quantized already; quantize the float original")
        self.originals, self.origin = load_originals(original)
        self._digest = header.sha256
        self._paths = pictures
        self._listener = listener
        self._codebooks: dict[str, dict[int, Codebook]] = {}
        self._stores: dict[Path, tuple[str, Kept]] = {}
        self._passing: list[Kept] = []

    @property
    def kept(self) -> dict[str, int]:
        """The number of layers, or of rows of a comparison, in the cache, by what is kept."""
        count: Counter[str] = Counter()
        for what, store in self._stores.values():
            count[what] += len(store)
        return +count

    def make(
        self,
        path: Path,
        scheme: str,
        bits: int,
        layers: Mapping[str, int],
        target_bytes: int | None,
    ) -> dict[str, float]:
        """Write a file in a scheme, at widths or to a size; see `widths`.

        Returns:
            Bits of a weight by layer name; of "entropy" about `bits` on the mean.

        Raises:
            OutputError: the file cannot be written.
            WeightsError: the target is too small, or weights are not finite.
            PictureError: a picture is unreadable.
        """
        if scheme != ENTROPY:
            widths = self.widths(scheme, bits, layers, target_bytes)
            self.write(path, scheme, widths)
            return dict(widths)
        coded = self._coded(bits, target_bytes)
        weightfile.write(path, coded, scheme, self.origin)
        self.forget()
        return {name: layer.bits for name, layer in coded.items()}

    def widths(
        self, scheme: str, bits: int, layers: Mapping[str, int], target_bytes: int | None
    ) -> dict[str, int]:
        """Give every layer a width: the scheme's own, `bits`, or what fits a size.

        Args:
            scheme: scheme of the file; float schemes have one width.
            bits: width of the layers that `layers` does not name.
            layers: widths of single layers, by name.
            target_bytes: most bytes of a file whose widths are chosen; None for `bits`.

        Raises:
            WeightsError: even 1 bit a weight is too much for the target.
            PictureError: a picture is unreadable.
        """
        if scheme in FLOAT_BITS:
            return dict.fromkeys(self.originals, FLOAT_BITS[scheme])
        if target_bytes is not None:
            return self.fit(target_bytes, scheme)
        return dict.fromkeys(self.originals, bits) | dict(layers)

    def write(self, path: Path, scheme: str, widths: Mapping[str, int]) -> None:
        """Encode the network and write the file.

        Raises:
            OutputError: the file cannot be written.
            PictureError: a picture for calibration is unreadable.
        """
        weightfile.write(path, self.encode(scheme, widths), scheme, self.origin)
        self.forget()

    def forget(self) -> None:
        """Remove from the cache what was kept only for a file that is whole now."""
        while self._passing:
            self._passing.pop().clear()

    def encode(
        self, scheme: str, bits: Mapping[str, int], paths: Sequence[Path] | None = None
    ) -> dict[str, EncodedLayer]:
        """Encode the network; a calibrated scheme uses all pictures, or those in `paths`.

        Raises:
            ValueError: the scheme does not have these bits.
            PictureError: a picture for calibration is unreadable.
        """
        if scheme == CALIBRATED:
            return self._calibrated(bits, read_pictures(paths or self._paths, CALIBRATION_PIXELS))
        if scheme == "kmeans":
            books = self.codebooks({name: [width] for name, width in bits.items()})
            return {
                name: schemes.quantize_layer(*pair, scheme, bits[name], books[name][bits[name]])
                for name, pair in self.originals.items()
            }
        count = self._counter(scheme, len(self.originals))
        return quantize.quantize(self.originals, bits, scheme, count)

    def codebooks(
        self, widths: Mapping[str, Collection[int]] | None = None
    ) -> dict[str, dict[int, Codebook]]:
        """The layers' optimal codebooks at some widths, or at all."""
        wanted = widths or dict.fromkeys(self.originals, WIDTHS)
        kept, found = self._keep("codebooks"), self._codebooks
        for name in wanted:
            if name not in found:
                found[name] = {int(bits): book for bits, book in kept.get(name, {}).items()}
        lacking = {
            name: lacks
            for name, own in wanted.items()
            if (lacks := [bits for bits in own if bits not in found[name]])
        }
        count = self._counter("codebooks", len(wanted), len(wanted) - len(lacking))

        def keep(name: str, books: dict[int, Codebook]) -> None:
            found[name] |= books
            kept[name] = {str(bits): book for bits, book in found[name].items()}
            count(name)

        weights = {name: self.originals[name][0] for name in lacking}
        quantize.network_codebooks(weights, lacking, keep)
        return found

    def fit(self, target_bytes: int, scheme: str = "kmeans") -> dict[str, int]:
        """Choose each layer's width so that a file has at most `target_bytes`.

        Whatever the scheme, widths are chosen by what "kmeans" does to the features. Where all fit
        at their widest, that is told, and nothing is measured.

        Raises:
            WeightsError: even 1 bit a weight does not fit.
            PictureError: a picture is unreadable.
        """
        # A target that cannot be met is refused before minutes are spent on it, and one that all
        # layers meet spends none.
        least, most = (
            {name: dict.fromkeys(WIDTHS, Trial(number, number)) for name in self.originals}
            for number in (0.0, LONGEST)
        )
        self._choose(least, target_bytes, scheme)
        widest = dict.fromkeys(self.originals, max(WIDTHS))
        if (size := file_bytes(widest, most, self.origin, scheme)) <= target_bytes:
            text = (
                f"{max(WIDTHS)} bits a weight, the most there are, take {size / 1e6:.1f} MB: the"
                f" {target_bytes / 1e6:.1f} MB asked for are no limit, and nothing is measured"
            )
            self._listener(Event("told", title="widths", text=text))
            return widest
        return self._choose(self.sensitivity(), target_bytes, scheme)

    def _choose(self, sensitivity: Sensitivity, target_bytes: int, scheme: str) -> dict[str, int]:
        costs = {
            name: {bits: trial.cost for bits, trial in trials.items()}
            for name, trials in sensitivity.items()
        }
        size_of = partial(file_bytes, trials=sensitivity, origin=self.origin, scheme=scheme)
        return choose_widths(costs, size_of, target_bytes)

    def sensitivity(self) -> Sensitivity:
        """What each layer alone, stored at each width, does to the features of a few pictures.

        Raises:
            PictureError: a picture is unreadable.
        """
        pictures = read_pictures(self._paths[:_COMPARED])
        kept = self._keep("errors", _digest_of(pictures))
        found = {
            name: {bits: Trial.of(trials[str(bits)]) for bits in WIDTHS}
            for name in self.originals
            if (trials := kept.get(name))
        }
        if len(found) == len(self.originals):
            return found
        books = self.codebooks()
        comparison = FeatureComparison(self.tensors(), pictures, self.origin.fed)
        done, total = len(found) * len(WIDTHS), len(self.originals) * len(WIDTHS)
        count = self._counter("trying", total, done)
        for name, pair in self.originals.items():
            if name not in found:
                tried = partial(count, name)
                found[name] = try_widths(name, pair, books[name], comparison, tried)
                kept[name] = {str(bits): trial.values for bits, trial in found[name].items()}
        return {name: found[name] for name in self.originals}

    def candidates(self) -> list[Candidate]:
        """Make a file in each scheme and width, and measure it on every second picture.

        What is calibrated looks at the other pictures. Once the candidates are written down, call
        `forget`.

        Raises:
            PictureError: a picture is unreadable.
        """
        pictures = read_pictures(self._paths[1::2] or self._paths)
        kept = self._keep(ROWS, _digest_of(pictures), passing=True)
        comparison = FeatureComparison(self.tensors(), pictures, self.origin.fed)
        ways = [
            (scheme, bits)
            for scheme in schemes.SCHEMES[:-1]  # all but float32, the reference itself
            for bits in compared_widths(scheme)
        ]
        found = []
        for scheme, bits in ways:
            name = f"{scheme}-{bits}"
            if (row := kept.get(name)) is None:
                row = kept[name] = {"values": self._measured(scheme, bits, comparison).values}
            found.append(Candidate.of(scheme, bits, row["values"]))
            self._listener(stage(f"compared {scheme} {bits}", len(found), len(ways)))
        return found

    def tensors(self) -> Tensors:
        """The float network as tensors."""
        return quantize.as_tensors(self.originals)

    def _measured(self, scheme: str, bits: int, comparison: FeatureComparison) -> Candidate:
        if scheme == "kmeans":
            self.codebooks()  # of all widths at once, which takes no longer than of one
        layers = self.encode(scheme, dict.fromkeys(self.originals, bits), self._paths[::2])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "candidate.safetensors")
            weightfile.write(path, layers, scheme, self.origin)
            return measure(path, comparison)

    def _calibrated(
        self, bits: Mapping[str, int], pictures: Sequence[Tensor]
    ) -> dict[str, EncodedLayer]:
        decides = json.dumps(dict(bits), sort_keys=True), _digest_of(pictures)
        kept = self._keep("calibration", *decides, passing=True)
        known = {
            name: Calibrated(*(torch.from_numpy(parts[part]) for part in Calibrated._fields))
            for name in self.originals
            if (parts := kept.get(name))
        }
        count = self._counter("calibrated", len(self.originals), len(known))

        def keep(name: str, layer: Calibrated) -> None:
            kept[name] = {part: tensor.numpy() for part, tensor in layer._asdict().items()}
            count(name)

        return quantize.quantize_calibrated(
            self.originals, bits, pictures, keep, known, self.origin.fed
        )

    def _coded(self, bits: int, target_bytes: int | None) -> dict[str, EncodedLayer]:
        """Encode the layers that style transfer looks at by entropy codes, in a file of a size.

        Args:
            bits: bits of a weight on the mean, the file's other bytes among them.
            target_bytes: size of the file, instead.
        """
        wanted = [name for name in convolutions_for(LOSS_LAYERS) if name in self.originals]
        originals = {name: self.originals[name] for name in wanted}
        if target_bytes is None:
            target_bytes = bits * sum(weight.size for weight, _ in originals.values()) // 8
        quantize.check_whole(originals)
        pictures = read_pictures(self._paths, CALIBRATION_PIXELS)
        if doubt := _doubt_about(pictures):
            self._listener(Event("told", title="pictures", text=doubt))
        outlook = self._outlook(originals, pictures)
        header = header_bytes(wanted, self.origin)
        self._check_target(target_bytes, entropy.bounds(outlook), header)
        kept = self._keep("codes", str(target_bytes), _digest_of(pictures), passing=True)
        known = {
            name: Coded(*(torch.from_numpy(parts[part]) for part in Coded._fields))
            for name in wanted
            if (parts := kept.get(name))
        }
        count = self._counter("coded", len(wanted), len(known))

        def keep(name: str, layer: Coded) -> None:
            kept[name] = {part: tensor.numpy() for part, tensor in layer._asdict().items()}
            count(name)

        return quantize.quantize_to_size(
            originals, outlook, target_bytes - header, pictures, keep, known, self.origin.fed
        )

    def _check_target(self, target_bytes: int, bounds: tuple[int, int], header: int) -> None:
        """Refuse a size that no codes can have, and tell of one that is no limit.

        Raises:
            WeightsError: the size is too small.
        """
        least, most = (bytes_of + header for bytes_of in bounds)
        if target_bytes < least:
            raise WeightsError(
                f"{target_bytes:,} bytes are too few: the smallest file that is of use takes"
                f" about {least:,}; raise ",
                Setting("target_size"),
            )
        if target_bytes > most:
            text = (
                f"the finest codes take {most / 1e6:.1f} MB: the {target_bytes / 1e6:.1f} MB asked"
                " for are no limit"
            )
            self._listener(Event("told", title="codes", text=text))

    def _outlook(self, originals: Originals, pictures: Sequence[Tensor]) -> dict[str, Tensor]:
        """What size of its codes lets a layer err by how much.

        On fewer pictures, or smaller ones, the deepest layers would seem to need fewer bytes.
        """
        kept = self._keep("outlook", *originals, _digest_of(pictures))
        known = {
            name: torch.from_numpy(parts["sizes"])
            for name in originals
            if (parts := kept.get(name))
        }
        count = self._counter("foreseen", len(originals), len(known))

        def keep(name: str, outlook: entropy.Outlook) -> None:
            kept[name] = {"sizes": outlook.sizes.numpy()}
            count(name)

        tensors = quantize.as_tensors(originals)
        return entropy.foresee(tensors, pictures, keep, known, self.origin.fed)

    def _keep(self, what: str, *decides: str, passing: bool = False) -> Kept:
        """Open what was kept of a computation; what is passing goes when `forget` is called."""
        store = Kept(what, self._digest, *decides)
        self._stores[store.folder] = what, store
        if passing:
            self._passing.append(store)
        return store

    def _counter(self, what: str, total: int, done: int = 0) -> Callable[[str], None]:
        def count(name: str) -> None:
            nonlocal done
            done += 1
            self._listener(stage(f"{what} {name}", done, total))

        self._listener(stage(what, done, total))
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
        quantizer.make(path, scheme, bits, {}, None)


def _doubt_about(pictures: Sequence[Tensor]) -> str | None:
    """Say why pictures are too few, or too much alike, for a network to be calibrated by them."""
    small = torch.cat([nnf.adaptive_avg_pool2d(picture, 16) for picture in pictures])
    if len(pictures) < _FEW:
        what = "one picture is" if len(pictures) == 1 else f"{len(pictures)} pictures are"
        return f"{what} little to calibrate by, and all others will lose: a dozen are better"
    if float((small - small[0]).abs().max()) < _ALIKE:
        return "the pictures to calibrate by are all alike, and all others will lose"
    return None


def _digest_of(pictures: Sequence[Tensor]) -> str:
    return sha256(*(picture.numpy().tobytes() for picture in pictures))
