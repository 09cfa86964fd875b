"""What kind of file weights are looked for in, told by its first bytes and never by its name."""

import stat
import zipfile
from pathlib import Path
from typing import Literal

Kind = Literal["safetensors", "torch", "TorchScript", "HDF5", "zip", "pickle", "other"]

CONVERT = "'medley weights import' makes weights of a VGG-19 state dict"
ADVICE: dict[Kind, str] = {
    "torch": f"is a PyTorch file; {CONVERT}",
    "pickle": "is a Python pickle, which is never read; save the weights as a state dict with"
    " torch.save, or as safetensors",
    "TorchScript": "is a TorchScript program; load it in PyTorch, save its state_dict(), and"
    f" {CONVERT}",
    "HDF5": "is an HDF5 file, such as Keras writes; 'medley weights fetch' takes Keras's VGG-19,"
    " and brings it too",
    "zip": "is a zip archive; unpack it, and name the file of weights that it holds",
}
"""What follows a file's name in a message where medley's own weights are wanted."""

_HDF5 = b"\x89HDF\r\n\x1a\n"
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_OLD_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number with which PyTorch's files begin
_HEADER = 2**32  # bytes that no safetensors header has; of other files this number is arbitrary


def check_regular(path: Path) -> None:
    """See that a path is no pipe, which would be waited for, and no device, which may never end.

    Raises:
        OSError: it is one, or is not there.
    """
    if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
        raise OSError("a pipe or a device, no file")


def kind_of(path: Path) -> Kind:
    """Tell the kind of a file.

    Raises:
        OSError: it cannot be read.
    """
    check_regular(path)
    with path.open("rb") as file:
        first = file.read(16)
    if first.startswith(_HDF5):
        return "HDF5"
    if first.startswith(b"PK"):
        return _kind_of_zip(path)
    if first.startswith(_PICKLE):
        return "torch" if first[2:].startswith(_OLD_TORCH) else "pickle"
    if int.from_bytes(first[:8], "little") < _HEADER and first[8:9] == b"{":
        return "safetensors"
    return "other"


def _kind_of_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.rpartition("/")[2] for name in archive.namelist()}
    except Exception:  # torn in whatever way; PyTorch's own reader will say how
        return "torch"
    if "data.pkl" not in names:
        return "zip"
    return "TorchScript" if "constants.pkl" in names else "torch"
