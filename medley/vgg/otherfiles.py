"""What kind of file weights are looked for in, told by its first bytes and never by its name."""

import re
import stat
import zipfile
from pathlib import Path
from typing import Literal

from medley.errors import WeightsError

Kind = Literal[
    "safetensors",
    "torch",
    "TorchScript",
    "HDF5",
    "ONNX",
    "zip",
    "torn zip",
    "pickle",
    "blank",
    "other",
]

CONVERT = "'medley weights import' makes weights of a VGG-19 state dict"
WANTED = "give a VGG-19 state dict under torchvision's names, features.0.weight and so on"
SAVE = "save its state dict alone: torch.save(model.state_dict(), 'vgg19.pth')"

_TORN: dict[Kind, str] = {
    "torn zip": "is torn: the table at a zip archive's end is missing; fetch or save it again",
    "blank": "is empty, or begins with nothing but zeros; fetch or save it again",
    "ONNX": "is an ONNX graph; give the file that it was exported from",
}
ADVICE: dict[Kind, str] = {
    **_TORN,
    "torch": f"is a PyTorch file; {CONVERT}",
    "pickle": "is a Python pickle, which is never read; save the weights as a state dict with"
    " torch.save, or as safetensors",
    "TorchScript": "is a TorchScript program; load it in PyTorch, save its state_dict(), and"
    f" {CONVERT}",
    "HDF5": "is an HDF5 file, such as Keras writes; 'medley weights fetch' takes Keras's VGG-19,"
    " and brings it too",
    "zip": "is a zip archive; unpack it, and name the file of weights that it holds",
    "other": "is no file of weights; give one that 'medley quantize' or 'medley weights import'"
    " made",
}
"""What follows a file's name in a message where medley's own weights are wanted."""

_STATE_ADVICE: dict[Kind, str] = {
    **_TORN,
    "pickle": f"is a Python pickle, which is never read; load it in PyTorch and {SAVE}",
    "TorchScript": f"is a TorchScript program; load it in PyTorch and {SAVE}",
    "HDF5": "is an HDF5 file, such as Keras writes; if it is the authors' VGG-19, 'medley"
    " weights fetch' takes it, and brings it too; of others, save the convolutions as"
    " safetensors under torchvision's names",
    "zip": ADVICE["zip"],
    "other": f"is neither a PyTorch nor a safetensors file; {WANTED}",
}
"""What follows a file's name in a message where a state dict is wanted."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_OLD_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number with which PyTorch's files begin
_ONNX = re.compile(rb"\x08[\x03-\x1f][\x12\x1a\x22\x28\x32\x3a\x42]")  # version, and what follows
_HEADER = 2**32  # bytes that no safetensors header has; of other files this number is arbitrary


def kind_of(path: Path) -> Kind:
    """Tell the kind of a file.

    Raises:
        WeightsError: it is missing, no file, or cannot be read.
    """
    try:
        _check_regular(path)
        with path.open("rb") as file:
            first = file.read(16)
    except FileNotFoundError:
        raise WeightsError(f"'{path}' does not exist; give the path of a weights file") from None
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read ({error.strerror or error})") from error
    if not any(first):
        return "blank"
    if first.startswith(_HDF5):
        return "HDF5"
    if first.startswith(b"PK"):
        return _kind_of_zip(path)
    # Before pickles, which begin as a header of 640 bytes does.
    if int.from_bytes(first[:8], "little") < _HEADER and first[8:9] == b"{":
        return "safetensors"
    if _ONNX.match(first):
        return "ONNX"
    if first.startswith(_PICKLE):
        return "torch" if first[2:].startswith(_OLD_TORCH) else "pickle"
    return "other"


def check_own(path: Path) -> None:
    """See that a file is of the kind that medley's own weights lie in.

    Raises:
        WeightsError: it is of another kind, or `kind_of` refuses it.
    """
    if (kind := kind_of(path)) != "safetensors":
        raise WeightsError(f"'{path}' {ADVICE[kind]}")


def check_state(path: Path) -> Kind:
    """See that a file is of a kind that a state dict lies in, and tell which.

    Raises:
        WeightsError: it is of another kind, or `kind_of` refuses it.
    """
    kind = kind_of(path)
    if what := _STATE_ADVICE.get(kind):
        raise WeightsError(f"'{path}' {what}")
    return kind


def _check_regular(path: Path) -> None:
    """Refuse a folder, a pipe, which would be waited for, and a device, which may never end."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise WeightsError(f"'{path}' is a folder; give the path of a file in it")
    if not stat.S_ISREG(mode):
        raise WeightsError(f"'{path}' is a pipe or a device; give the path of a file")


def _kind_of_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.namelist()
    except Exception:  # torn in whatever way
        return "torn zip"
    names = {name.rpartition("/")[2] for name in entries}
    if "data.pkl" not in names:
        return "zip"
    return "TorchScript" if "constants.pkl" in names else "torch"
